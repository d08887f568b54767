"""Connection records as a list for people: a line each, endpoints last because they vary most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.output.endpoints import endpoints
from wireverdict.output.fields import FLAGS, STATES
from wireverdict.output.units import count, duration, size

HEADING = (
    f"{'start (UTC)':<24}{'lasted':>11}{'packets':>10}{'size':>10}  {'state':<6} connection, and flags that are true\n"
)


def listing(rows: NDArray[np.void]) -> bytes:
    """The lines of some rows (CONNECTION), without the heading."""
    source, destination = rows["source"], rows["destination"]
    columns = zip(
        np.datetime_as_string(rows["first_ts"].astype("M8[ns]").astype("M8[ms]")).tolist(),
        (rows["last_ts"] - rows["first_ts"]).tolist(),
        (source["packets"] + destination["packets"]).tolist(),
        (source["bytes"] + destination["bytes"]).tolist(),
        rows["state"].tolist(),
        rows["flags_true"].tolist(),
        rows["final"].tolist(),
        endpoints(rows),
        strict=True,
    )
    lines = []
    for first, lasted, packets, octets, state, flags, final, ends in columns:
        names = [FLAGS[bit] for bit in range(len(FLAGS)) if flags >> bit & 1] + ([] if final else ["still open"])
        tail = f"  {', '.join(names)}" if names else ""
        numbers = f"{duration(lasted):>11}{count(packets):>10}{size(octets):>10}"
        lines.append(f"{first[:10]} {first[11:]:<13}{numbers}  {STATES[state]:<6} {ends}{tail}\n")
    return "".join(lines).encode()
