"""Batches keep their names, whether taken apart or put together."""

from __future__ import annotations

import numpy as np

from producers.recorded.pieces import compact, joined
from tests.codec.made import assert_equal, names_of, random_batch
from wireverdict.headers import HeaderBatch


def test_compact_keeps_the_names_of_its_rows() -> None:
    batch, _ = random_batch(1, 50, 0.5)
    chosen = np.arange(0, 50, 3)
    small = compact(batch, chosen)
    assert names_of(small) == names_of(HeaderBatch(batch.rows[chosen], batch.names))
    assert len(small.names) == int(small.rows["name_length"].sum())


def test_parts_joined_are_the_whole() -> None:
    batch, _ = random_batch(2, 50, 0.5)
    parts = [compact(batch, np.arange(start, min(start + 17, 50))) for start in range(0, 50, 17)]
    assert_equal(joined(parts), batch)
    assert len(joined([]).rows) == 0
