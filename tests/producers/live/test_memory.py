from __future__ import annotations

import gc
import mmap
from pathlib import Path

import numpy as np
import pytest

from producers.live.memory import Region

PAGE = mmap.PAGESIZE


def test_files_lie_side_by_side_in_one_array(tmp_path: Path) -> None:
    region = Region(4 * PAGE)
    for place, letter in ((1, b"a"), (2, b"b")):
        path = tmp_path / letter.decode()
        path.write_bytes(letter * PAGE)
        with path.open("r+b") as file:
            region.map(place * PAGE, PAGE, file.fileno())
    assert np.unique(region.data, return_counts=True)[1].tolist() == [2 * PAGE, PAGE, PAGE]
    region.data[2 * PAGE : 2 * PAGE + 3] = 0
    assert (tmp_path / "b").read_bytes()[:4] == b"\0\0\0b"


def test_what_was_unmapped_is_empty_and_may_be_used_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * PAGE)
    region = Region(2 * PAGE)
    with (tmp_path / "a").open("r+b") as file:
        region.map(0, PAGE, file.fileno())
    kept = region.data
    region.unmap(0, PAGE)
    del region
    gc.collect()
    assert not kept.any()
    kept[0] = 1
    assert (tmp_path / "a").read_bytes() == b"a" * PAGE


def test_what_cannot_be_mapped() -> None:
    region = Region(PAGE)
    for at, size in ((-PAGE, PAGE), (0, 2 * PAGE), (PAGE, PAGE)):
        with pytest.raises(ValueError, match="bytes"):
            region.map(at, size, 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        region.map(0, PAGE, 1 << 20)
