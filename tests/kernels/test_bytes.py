from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wireverdict.kernels.bytes import FNV_OFFSET, Bytes, fnv1a, u8, u16, u32, u64

LONGEST = 8


@numba.njit  # type: ignore[untyped-decorator]
def loads(data: Bytes, at: int) -> tuple[int, int, int, np.uint64]:
    return u8(data, at), u16(data, at), u32(data, at), u64(data, at)


@numba.njit  # type: ignore[untyped-decorator]
def digest(data: Bytes) -> np.uint64:
    state = FNV_OFFSET
    for byte in data:
        state = fnv1a(state, byte)
    return state


@settings(deadline=None)
@given(st.binary(min_size=LONGEST, max_size=24), st.data())
def test_loads_are_big_endian(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - LONGEST))
    got = loads(np.frombuffer(data, np.uint8), at)
    assert [int(value) for value in got] == [int.from_bytes(data[at : at + size], "big") for size in (1, 2, 4, 8)]


# vectors of draft-eastlake-fnv, appendix C
@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)],
)
def test_fnv1a_matches_published_vectors(text: bytes, expected: int) -> None:
    assert int(digest(np.frombuffer(text, np.uint8))) == expected
