"""Headers and rows of the tables in which several sensors' packets are compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.detectors.views import halves
from wireverdict.headers import ACK, HEADER, PORTS, TCP, TCP_HEADER, TIMESTAMPS
from wireverdict.location.layout import CONN, LINK, ROW

SECOND = 1_000_000_000


def header(source: str, destination: str, sport: int = 1, dport: int = 2, **values: Any) -> np.ndarray:
    """One TCP header."""
    row = np.zeros(1, HEADER)
    row["src_hi"], row["src_lo"] = halves(source)
    row["dst_hi"], row["dst_lo"] = halves(destination)
    row["sport"], row["dport"], row["protocol"] = sport, dport, TCP
    row["present"], row["tcp_flags"] = PORTS | TCP_HEADER | TIMESTAMPS, ACK
    for name, value in values.items():
        row[name] = value
    return row


def rows(*given: dict[str, Any]) -> np.ndarray:
    """ROW of one connection at place 0."""
    made = np.zeros(len(given), ROW)
    made["flags"] = ACK
    for at, values in enumerate(given):
        for name, value in values.items():
            made[name][at] = value
    return made


def tables() -> tuple[np.ndarray, np.ndarray]:
    """A connection of which nothing is known, and its link of the sensors 0 and 1."""
    conns, links = np.zeros(1, CONN), np.zeros(1, LINK)
    conns["previous"], links["sensors"] = -1, (0, 1)
    links["points"]["bucket"] = np.iinfo(np.int64).min
    return conns, links
