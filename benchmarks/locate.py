"""What locating losses in the stream costs: ``python -m benchmarks.locate``, one JSON line a case, in ns of CPU a header.

`one`: a generated capture that one sensor sees. `two`: the same, and a second sensor 1 ms further on that sees every packet.
`heavy-loss`: the lab's capture at both ends of a path that drops a part. Headers come second by second, and windows close as
in a worker. The least of several runs counts; nothing is said of reading, decoding and tracking.
"""

from __future__ import annotations

import argparse
import json
import lzma
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import encode, generate
from tests.streams.publishing import header_batches
from wireverdict.location.recent import LEAD, Recent, packed

LAB = Path(__file__).resolve().parents[1] / "tests" / "lab" / "captures"
SECOND = 1_000_000_000
WIDTH = 10 * SECOND
PIECE = 8_192
Rows = NDArray[np.void]


def generated(packets: int) -> Rows:
    """Headers of a generated capture."""
    rows, events = generate.build(packets, 5)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "made.pcap"
        with path.open("wb") as file:
            encode.write(file, events, rows, generate.SNAP)
        return np.concatenate([batch.rows for batch in header_batches([path])])


def recorded(name: str, view: str) -> Rows:
    """Headers of one of the lab's captures."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "lab.pcap"
        path.write_bytes(lzma.decompress((LAB / f"{name}.{view}.pcap.xz").read_bytes()))
        return np.concatenate([batch.rows for batch in header_batches([path])])


def messages(sensors: dict[str, Rows]) -> list[tuple[str, Rows]]:
    """What sensors send, in the order in which it comes to a broker: batches of a second or less."""
    made: list[tuple[int, str, Rows]] = []
    for name, rows in sensors.items():
        ordered = rows[np.argsort(rows["ts"], kind="stable")]
        made += [(int(piece["ts"][-1]), name, piece) for piece in _pieces(ordered)]
    made.sort(key=lambda each: each[0])
    return [(name, rows) for _, name, rows in made]


def _pieces(rows: Rows) -> Iterator[Rows]:
    seconds = np.unique(rows["ts"] // SECOND)
    for start, stop in zip(seconds, np.append(seconds[1:], seconds[-1] + 1), strict=True):
        low, high = np.searchsorted(rows["ts"], [start * SECOND, stop * SECOND])
        for at in range(low, high, PIECE):
            yield rows[at : min(at + PIECE, high)].copy()


def run(sent: Sequence[tuple[str, Rows]], most: int) -> tuple[float, int]:
    """CPU seconds, and segments located."""
    recent, due, told = Recent(most), dict[str, int](), 0
    begun = time.thread_time()
    for name, rows in sent:
        clock = int(rows["ts"][-1])
        recent.add(name, rows, clock)
        start = due.setdefault(name, clock // WIDTH * WIDTH)
        while start + 2 * WIDTH <= clock:
            found = recent.located(name, start, start + WIDTH)
            packed(found)
            told += sum(many for each in found for _, many, _ in each.losses)
            start = due[name] = start + WIDTH
            recent.forget(name, start - LEAD)
    return time.thread_time() - begun, told


def from_low(rows: Rows) -> NDArray[np.bool_]:
    """Whether a packet comes from the lower address (by its low half): these pass the first sensor first."""
    made: NDArray[np.bool_] = rows["src_lo"] < rows["dst_lo"]
    return made


def main() -> None:
    """All cases."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--most", type=int, default=200_000)
    given = parser.parse_args()
    mix = generated(given.packets)
    further = mix.copy()
    further["ts"] += np.where(from_low(mix), 1_000_000, -1_000_000)
    cases = {
        "one": {"a": mix},
        "two": {"a": mix, "b": further},
        "heavy-loss": {view: recorded("heavy-loss", view) for view in ("client", "server")},
    }
    for name, sensors in cases.items():
        sent = messages(sensors)
        headers = sum(len(rows) for _, rows in sent)
        runs = [run(sent, given.most) for _ in range(given.runs)]
        spent = min(seconds for seconds, _ in runs)
        told = {
            "case": name,
            "sensors": len(sensors),
            "headers": headers,
            "seconds_of_traffic": round(float(np.ptp(np.concatenate([rows["ts"] for _, rows in sent])) / SECOND), 1),
            "located": runs[0][1],
            "ns_per_header": round(spent / headers * 1e9, 1),
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
