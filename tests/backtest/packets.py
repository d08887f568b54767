"""Headers made by hand, for the plots' tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ACK, DNS, HEADER, PORTS, QUESTION, SYN, TCP, TCP_HEADER, TIMESTAMPS, UDP
from wireverdict.windows.home import address_halves

MS = 1_000_000
CLIENT, SERVER = "192.0.2.1", "198.51.100.7"


def _ends(row: np.void, back: bool, client: str, server: str, ports: tuple[int, int]) -> None:
    one, other = address_halves(client), address_halves(server)
    row["src_hi"], row["src_lo"] = other if back else one
    row["dst_hi"], row["dst_lo"] = one if back else other
    row["sport"], row["dport"] = ports[::-1] if back else ports


def segment(
    ms: float,
    *,
    back: bool = False,
    seq: int = 0,
    size: int = 0,
    ack: int = 0,
    flags: int = ACK,
    stamps: tuple[int, int] | None = None,
    client: str = CLIENT,
    port: int = 40_000,
) -> NDArray[np.void]:
    """A TCP segment from the client (or `back` from the server): HEADER[1]."""
    rows = np.zeros(1, HEADER)
    row = rows[0]
    _ends(row, back, client, SERVER, (port, 80))
    row["ts"], row["seq"], row["ack"], row["payload_length"] = round(ms * MS), seq % 2**32, ack % 2**32, size
    row["protocol"], row["tcp_flags"], row["window"] = TCP, flags, 1000
    row["present"] = PORTS | TCP_HEADER | (TIMESTAMPS if stamps else 0)
    if stamps:
        row["tsval"], row["tsecr"] = stamps
    return rows


def syn(ms: float, *, port: int, answer: bool = False) -> NDArray[np.void]:
    """A SYN, or the answer to it."""
    return segment(ms, back=answer, port=port, flags=SYN | ACK if answer else SYN)


def query(ms: float, number: int, *, answer: bool = False, client: str = CLIENT, name: int = 7) -> NDArray[np.void]:
    """A DNS query, or the answer to it: HEADER[1]."""
    rows = np.zeros(1, HEADER)
    row = rows[0]
    _ends(row, answer, client, SERVER, (50_000, 53))
    row["ts"], row["protocol"], row["present"] = round(ms * MS), UDP, PORTS | DNS | QUESTION
    row["dns_id"], row["dns_qhash"], row["dns_flags"] = number, name, 0x8000 if answer else 0
    return rows


def rows(*parts: NDArray[np.void]) -> NDArray[np.void]:
    """All of them, in the order given."""
    return np.concatenate(parts)
