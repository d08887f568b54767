"""Reads captures for tests into lists that can be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from producers.files.reader import Capture
from producers.files.report import FileReport
from tests.producers.writer import Packet
from wireverdict.frames import FrameBatch


def packets_of(batch: FrameBatch | Any) -> list[Packet]:
    """A batch's packets, copied out."""
    data = batch.data
    return [
        Packet(int(row["ts"]), data[int(row["offset"]) :][: int(row["captured"])].tobytes(), int(row["length"]))
        for row in batch.frames
    ]


def read(path: Path, **settings: Any) -> tuple[list[Packet], FileReport]:
    """All packets of a file, in its order, and its report."""
    capture = Capture(str(path), **settings)
    packets = [packet for piece in capture for packet in packets_of(piece)]
    return packets, capture.report


def rows(path: Path, **settings: Any) -> tuple[list[Any], FileReport]:
    """All FRAME rows of a file, in its order, and its report."""
    capture = Capture(str(path), **settings)
    return [row for piece in capture for row in piece.frames], capture.report


@st.composite
def packets(draw: st.DrawFn, most: int = 12, unit: int = 1) -> list[Packet]:
    """Packets with times in any order, in multiples of `unit` ns."""
    count = draw(st.integers(0, most))
    out = []
    for _ in range(count):
        data = draw(st.binary(max_size=40))
        ts = draw(st.integers(0, 2**32 * 10**9 // unit - 1)) * unit
        out.append(Packet(ts, data, len(data) + draw(st.integers(0, 2000))))
    return out
