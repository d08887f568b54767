from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.files.scan import LATEST
from tests.producers.read import read
from tests.producers.writer import Packet, enhanced, interface, section

ONE = Packet(1_700_000_000_123_456_000, b"abcdef", 60)


def nanoseconds(units: int, resolution: int, offset: int) -> int:
    """The obvious reading of if_tsresol and if_tsoffset, with big numbers."""
    ns: int = units * 10**9 // (2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution)
    return int(ns) + offset * 10**9


@settings(max_examples=300, deadline=None)
@given(
    units=st.integers(0, 2**64 - 1) | st.integers(0, 2**40),
    resolution=st.integers(0, 30) | st.integers(0x80, 0xFF),
    offset=st.integers(-(2**33), 2**33) | st.sampled_from([0, 2**62, -(2**62)]),
    order=st.sampled_from("<>"),
)
def test_every_resolution_and_offset(
    tmp_path_factory: pytest.TempPathFactory, units: int, resolution: int, offset: int, order: str
) -> None:
    path = tmp_path_factory.mktemp("ng") / "capture"
    path.write_bytes(
        section(order) + interface(order, resolution=resolution, offset=offset) + enhanced(ONE, units, order)
    )
    found, report = read(path)
    wanted = nanoseconds(units, resolution, offset)
    if abs(wanted) >= 2**63 - 2 * 10**9:
        wanted = LATEST * (1 if wanted > 0 else -1)
    assert [packet.ts for packet in found] == [wanted]
    assert report.error is None
