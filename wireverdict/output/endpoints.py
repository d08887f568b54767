"""Both ends of connections as text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.home import address_text

FEW = 16
"""Rows up to which it does not pay to load a kernel."""


def endpoints(rows: NDArray[np.void], *, source_ports: bool = True) -> list[str]:
    """``192.0.2.1:1234 > 198.51.100.7:53`` for each row, or without the first port."""
    sides = []
    for half, port in (("src", "sport"), ("dst", "dport")):
        shown = []
        for ip, number in zip(_addresses(rows[f"{half}_hi"], rows[f"{half}_lo"]), rows[port].tolist(), strict=True):
            if half == "src" and not source_ports:
                shown.append(ip)
            else:
                shown.append(f"[{ip}]:{number}" if ":" in ip else f"{ip}:{number}")
        sides.append(shown)
    return [f"{a} > {b}" for a, b in zip(*sides, strict=True)]


def _addresses(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> list[str]:
    if len(hi) <= FEW:
        return [address_text(*halves) for halves in zip(hi.tolist(), lo.tolist(), strict=True)]
    from wireverdict.output.addresses import address_texts

    lengths, raw = address_texts(hi, lo)
    text = bytes(raw).decode("ascii")
    ends = np.cumsum(lengths).tolist()
    return [text[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
