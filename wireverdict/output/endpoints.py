"""Both ends of connections as text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ICMP, ICMP6
from wireverdict.output.fields import PROTOCOLS
from wireverdict.windows.home import address_text

FEW = 16
"""Rows up to which it does not pay to load a kernel."""


def endpoints(rows: NDArray[np.void], *, source_ports: bool = True) -> list[str]:
    """``192.0.2.1:1234 > 198.51.100.7:53 udp`` for each row, or without the first port. ICMP has a type instead."""
    columns = zip(
        addresses(rows["src_hi"], rows["src_lo"]),
        rows["sport"].tolist(),
        addresses(rows["dst_hi"], rows["dst_lo"]),
        rows["dport"].tolist(),
        rows["protocol"].tolist(),
        strict=True,
    )
    shown = []
    for source, sport, destination, dport, protocol in columns:
        if protocol in (ICMP, ICMP6):
            shown.append(f"{source} > {destination} {PROTOCOLS[protocol]} type {sport}")
        else:
            first = _end(source, sport) if source_ports else source
            shown.append(f"{first} > {_end(destination, dport)} {PROTOCOLS[protocol]}")
    return shown


def _end(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def addresses(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> list[str]:
    """A column of addresses as texts."""
    if len(hi) <= FEW:
        return [address_text(*halves) for halves in zip(hi.tolist(), lo.tolist(), strict=True)]
    from wireverdict.output.addresses import address_texts

    lengths, raw = address_texts(hi, lo)
    text = bytes(raw).decode("ascii")
    ends = np.cumsum(lengths).tolist()
    return [text[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
