"""Descriptions of types: that they are numba's, and that what does not fit is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numba
import numpy as np
import pytest

from wireverdict.headers import HEADER
from wireverdict.kernels import types
from wireverdict.kernels.native import Native

ROWS = types.from_dtype(HEADER)
OWN = numba.from_dtype(HEADER)


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (types.void(), numba.void()),
        (types.int64(types.uint8), numba.int64(numba.uint8)),
        (types.void(types.int64[::1], types.uint32[:, ::1]), numba.void(numba.int64[::1], numba.uint32[:, ::1])),
        (types.void(ROWS[::1], types.float64), numba.void(OWN[::1], numba.float64)),
        (types.void(types.boolean, types.boolean[::1]), numba.void(numba.boolean, numba.boolean[::1])),
        (
            types.UniTuple(types.int64, 3)(types.Array(ROWS, 1, "C", readonly=True)),
            numba.types.UniTuple(numba.int64, 3)(numba.types.Array(OWN, 1, "C", readonly=True)),
        ),
    ],
)
def test_they_are_those_of_numba(described: types.Signature, expected: Any) -> None:
    assert described.to_numba() == expected


@pytest.mark.parametrize("key", [slice(None), (slice(None, None, 1), slice(None)), slice(None, None, 2), 0])
def test_only_contiguous_arrays_can_be_described(key: Any) -> None:
    with pytest.raises(ValueError, match="C-contiguous"):
        types.int64[key]
    with pytest.raises(ValueError, match="C-contiguous"):
        types.Array(types.int64, 1, "A")


def nothing(value: Any) -> None:
    """Takes anything."""


@pytest.fixture(autouse=True)
def without_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Native, "load", lambda _: nothing)


def frozen(array: Any) -> Any:
    array.setflags(write=False)
    return array


UNALIGNED = np.zeros(17, np.uint8)[1:].view(np.int64)
WELCOME: list[tuple[Any, Any]] = [
    (types.int64, 1),
    (types.int64, np.uint8(1)),
    (types.boolean, True),
    (types.boolean, np.True_),
    (types.float64, 1),
    (types.float64, np.float32(1)),
    (types.int64[::1], np.zeros(0, np.int64)),
    (types.int64[:, ::1], np.zeros((2, 3), np.int64)),
    (ROWS[::1], np.zeros(2, HEADER)),
    (ROWS[::1], np.zeros(2, pickle.loads(pickle.dumps(HEADER)))[:1]),
    (types.Array(types.int64, 1, readonly=True), frozen(np.zeros(2, np.int64))),
    (types.Array(types.int64, 1, readonly=True), np.zeros(2, np.int64)),
]
REFUSED: list[tuple[Any, Any]] = [
    (types.int64, 1.0),
    (types.int64, None),
    (types.float64, "1"),
    (types.int64[::1], [1]),
    (types.int64[::1], np.zeros(2, np.uint64)),
    (types.int64[::1], np.zeros(4, np.int64)[::2]),
    (types.int64[::1], np.zeros((2, 2), np.int64)),
    (types.int64[::1], UNALIGNED),
    (types.int64[::1], frozen(np.zeros(2, np.int64))),
    (types.int64[:, ::1], np.zeros((2, 3), np.int64).T),
    (ROWS[::1], np.zeros(2 * HEADER.itemsize, np.uint8)),
    (types.Array(types.int64, 1, readonly=True), np.zeros(4, np.int64)[::2]),
    (types.Array(types.int64, 1, readonly=True), UNALIGNED),
]


@pytest.mark.parametrize(("kind", "value"), WELCOME)
def test_welcome(kind: Any, value: Any) -> None:
    (check,) = types.void(kind).checks()
    assert check(value)
    Native(nothing, types.void(kind))(value)


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_refused(kind: Any, value: Any) -> None:
    (check,) = types.void(kind).checks()
    assert not check(value)
    with pytest.raises(TypeError, match=r"test_types\.nothing: No matching definition for argument 0"):
        Native(nothing, types.void(kind))(value)
