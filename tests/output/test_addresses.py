"""Columns of addresses."""

from __future__ import annotations

import numpy as np

from tests.output.reference import address
from wireverdict.output.addresses import address_texts


def test_texts_stand_one_behind_the_other() -> None:
    hi = np.array([0, 0x20010DB8 << 32, 0, 2**64 - 1], np.uint64)
    lo = np.array([0xFFFF << 32 | 0xC0000201, 1, 0, 2**64 - 1], np.uint64)
    lengths, raw = address_texts(hi, lo)
    expected = [address(a, b) for a, b in zip(hi, lo, strict=True)]
    assert expected[:2] == ["192.0.2.1", "2001:db8::1"]
    assert lengths.tolist() == [len(text) for text in expected]
    assert bytes(raw).decode() == "".join(expected)


def test_no_address_gives_no_text() -> None:
    lengths, raw = address_texts(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
    assert len(lengths) == len(raw) == 0


def test_columns_that_do_not_lie_together_are_taken_too() -> None:
    wide = np.zeros((3, 2), np.uint64)
    wide[:, 1] = 0xFFFF << 32 | 1
    lengths, raw = address_texts(wide[:, 0], wide[:, 1])
    assert bytes(raw) == b"0.0.0.1" * 3
    assert lengths.tolist() == [7, 7, 7]
