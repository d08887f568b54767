"""Headers and notes made by hand or by hypothesis, for tests of windows and of what reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.connections.notes import NOTE
from wireverdict.headers import HEADER
from wireverdict.windows.merge import Merge
from wireverdict.windows.part import WindowPart
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.view import WindowView
from wireverdict.windows.windows import Windows

S = 1_000_000_000
MAPPED = 0xFFFF << 32


def ip4(last: int) -> tuple[int, int]:
    """198.18.0.`last` as two numbers."""
    return 0, MAPPED | 198 << 24 | 18 << 16 | last


class Script:
    """Rows and notes written one after the other."""

    def __init__(self) -> None:
        self.lines: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.names = bytearray()
        self.flows: dict[tuple[Any, ...], int] = {}

    def packet(self, ts: float, source: int, target: int, /, **fields: Any) -> None:
        """One packet from 198.18.0.`source` to 198.18.0.`target` at `ts` s. Fields of NOTE and of HEADER by name."""
        (src_hi, src_lo), (dst_hi, dst_lo) = ip4(source), ip4(target)
        row = {"ts": round(ts * S), "src_hi": src_hi, "src_lo": src_lo, "dst_hi": dst_hi, "dst_lo": dst_lo}
        row |= {"protocol": headers.TCP, "present": headers.PORTS, "ip_length": 60}
        note: dict[str, Any] = {"slot": -1}
        for name, value in fields.items():
            (note if name in (NOTE.names or ()) else row)[name] = value
        self.lines.append((row, note))

    def dns(self, ts: float, client: int, server: int, port: int, ident: int, name: str, /, **fields: Any) -> None:
        """A query (or, with answer=True, its answer), with connection slots as a tracker would give them."""
        answer, qtype = fields.pop("answer", False), fields.pop("qtype", 1)
        rcode = fields.pop("rcode", 0)
        key = (client, server, port, fields.get("protocol", headers.UDP))
        events = n.FROM_RESPONDER if answer else 0
        if key not in self.flows:
            self.flows[key] = len(self.flows)
            events |= n.NEW
        row: dict[str, Any] = {
            "protocol": headers.UDP,
            "present": headers.PORTS | headers.DNS | headers.QUESTION,
            "sport": 53 if answer else port,
            "dport": port if answer else 53,
            "dns_id": ident,
            "dns_flags": (0x8000 if answer else 0) | rcode,
            "dns_qtype": qtype,
            "dns_qhash": hash_of(name),
            "name_offset": len(self.names),
            "name_length": len(name),
            "payload_length": 40,
            "slot": self.flows[key],
            "events": events,
        }
        self.names += name.encode()
        row |= fields
        self.packet(ts, *((server, client) if answer else (client, server)), **row)

    def __repr__(self) -> str:
        lines = []
        for row, note in self.lines:
            told = {**row, **note}
            ends = f"{told.pop('src_lo') & 0xFF} > {told.pop('dst_lo') & 0xFF}"
            lines.append(f"{ends} { ({name: value for name, value in told.items() if value}) }")
        return "\n".join(["", *lines])

    def arrays(self) -> tuple[NDArray[np.void], NDArray[np.uint8], NDArray[np.void]]:
        """Rows, names, notes."""
        rows, notes = np.zeros(len(self.lines), HEADER), np.zeros(len(self.lines), NOTE)
        for index, (row, note) in enumerate(self.lines):
            for name, value in row.items():
                rows[index][name] = value
            for name, value in note.items():
                notes[index][name] = value
        return rows, np.frombuffer(bytes(self.names), np.uint8).copy(), notes


def hash_of(name: str) -> int:
    """FNV-1a of a name; which hash it is does not matter to windows, only that equal names have equal ones."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def views_of(made: tuple[Any, Any, Any], settings: WindowSettings, cuts: list[int]) -> tuple[Windows, list[WindowView]]:
    """Run rows, names and notes through windows, in batches that end at `cuts`."""
    rows, names, notes = made
    windows, merge = Windows(settings), Merge(1)
    views: list[WindowView] = []
    for first, last in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        start = first
        while start < last:
            start = windows.observe(rows[:last], names, notes[:last], start)
            views += whole(merge, windows.close())
    views += whole(merge, windows.finish())
    return windows, views


def whole(merge: Merge, closed: Iterable[tuple[int, WindowPart | None]]) -> list[WindowView]:
    """Windows that closed, where one shard has everything."""
    return [view for _, part in closed if part and (view := merge.only(part))]


def play(script: Script, settings: WindowSettings | None = None) -> tuple[Windows, list[WindowView]]:
    """Run a script in one batch."""
    return views_of(script.arrays(), settings or WindowSettings(), [])
