"""Both ends of connections as text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.output.addresses import address_texts


def endpoints(rows: NDArray[np.void], *, source_ports: bool = True) -> list[str]:
    """``192.0.2.1:1234 > 198.51.100.7:53`` for each row, or without the first port."""
    sides = []
    for half, port in (("src", "sport"), ("dst", "dport")):
        lengths, raw = address_texts(rows[f"{half}_hi"], rows[f"{half}_lo"])
        text, at = bytes(raw).decode("ascii"), 0
        shown = []
        for length, number in zip(lengths.tolist(), rows[port].tolist(), strict=True):
            ip = text[at : at + length]
            if half == "src" and not source_ports:
                shown.append(ip)
            else:
                shown.append(f"[{ip}]:{number}" if ":" in ip else f"{ip}:{number}")
            at += length
        sides.append(shown)
    return [f"{a} > {b}" for a, b in zip(*sides, strict=True)]
