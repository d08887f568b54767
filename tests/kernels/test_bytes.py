from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wireverdict.kernels.bytes import FNV_OFFSET, fnv1a, u8, u16, u32, u64


@settings(deadline=None)
@given(st.binary(min_size=8, max_size=24), st.data())
def test_loads_are_big_endian(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 8))
    array = np.frombuffer(data, np.uint8)
    for load, size in ((u8, 1), (u16, 2), (u32, 4), (u64, 8)):
        assert int(load(array, at)) == int.from_bytes(data[at : at + size], "big")


# vectors of draft-eastlake-fnv, appendix C
@pytest.mark.parametrize(
    ("text", "digest"),
    [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)],
)
def test_fnv1a_matches_published_vectors(text: bytes, digest: int) -> None:
    state = FNV_OFFSET
    for byte in text:
        state = fnv1a(np.uint64(state), byte)
    assert int(state) == digest
