"""The list of connections for people."""

from __future__ import annotations

import numpy as np

from tests.output.connection_rows import MAPPED, make_rows
from wireverdict.output.listing import HEADING, listing
from wireverdict.records import CONNECTION, Flag, State


def test_a_line() -> None:
    row = np.zeros(1, CONNECTION)
    row["src_lo"], row["dst_lo"] = MAPPED | 0xC0000201, MAPPED | 0xC6336407
    row["sport"], row["dport"], row["protocol"], row["state"], row["final"] = 40_000, 443, 6, State.SF, 1
    row["first_ts"], row["last_ts"] = 1_700_000_000_250_000_000, 1_700_000_092_250_000_000
    row["source"]["packets"], row["destination"]["packets"] = 1_000, 234
    row["source"]["bytes"], row["destination"]["bytes"] = 1_000_000, 500_000
    row["flags_true"] = 1 << Flag.BUFFERBLOAT | 1 << Flag.RESET
    assert listing(row).decode() == (
        "2023-11-14 22:13:20.250  1 min 32 s     1,234    1.5 MB  SF     "
        "192.0.2.1:40000 > 198.51.100.7:443 tcp  bufferbloat, reset\n"
    )
    row["final"], row["flags_true"], row["first_ts"] = 0, 0, 1_700_000_000_000_000_000
    assert listing(row).decode().endswith(" tcp  still open\n")
    assert listing(row).decode().startswith("2023-11-14 22:13:20.000 ")


def test_columns_stand_under_their_heading() -> None:
    rows = make_rows(200, seed=3)
    for side in ("source", "destination"):
        rows[side]["packets"] %= 1_000_000
        rows[side]["bytes"] %= 10**17
    lines = listing(rows).decode().splitlines()
    assert len(lines) == 200
    at = HEADING.index("state")
    assert {line[at - 1] for line in lines} == {" "}
    assert all(line[at:].split()[0] in State.__members__ for line in lines)
