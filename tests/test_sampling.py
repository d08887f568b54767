from __future__ import annotations

import msgspec
import numpy as np
import pytest

from tests.headers import DEMO, batches
from wireverdict.headers import HEADER, HeaderBatch
from wireverdict.partition import divide
from wireverdict.sampling import Governor, Sampler, Shares, kept, least, noted, weight

MASK = (1 << 64) - 1


def fmix64(h: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = (h ^ h >> 33) * factor & MASK
    return h ^ h >> 33


def hash_of(row: np.void) -> int:
    """As wireverdict.partition says it, plainly."""
    ends = sorted([(int(row["src_hi"]), int(row["src_lo"])), (int(row["dst_hi"]), int(row["dst_lo"]))])
    h = 0
    for number in (*ends[0], *ends[1]):
        h = fmix64(h ^ number)
    return h


def random_rows(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, HEADER)
    for name in ("src_hi", "src_lo", "dst_hi", "dst_lo"):
        rows[name] = rng.integers(0, 1 << 63, count)
    rows["ts"] = np.arange(count)
    return rows


def test_which_rows_are_kept_by_the_plain_rule() -> None:
    rows = random_rows(300, 1)
    out = np.empty(300, np.int64)
    for limit in (0, 1 << 30, 1 << 31, 1 << 32):
        many = kept(rows, limit, out)
        assert out[:many].tolist() == [i for i, row in enumerate(rows) if hash_of(row) >> 32 < limit]


def test_pairs_are_kept_as_a_whole_and_in_both_directions() -> None:
    in_, out = set(), set()
    sampler = Sampler(0.25)
    total = 0
    for batch in batches(DEMO):
        some = sampler.apply(batch)
        assert some.sampling == 0.25
        assert some.names is batch.names
        total += len(batch.rows)
        pairs = {hash_of(row) for row in some.rows}
        assert [row for row in batch.rows if hash_of(row) in pairs] == list(some.rows)
        in_ |= pairs
        out |= {hash_of(row) for row in batch.rows} - pairs
    assert in_
    assert out
    assert in_.isdisjoint(out)
    assert 0 < sampler.left_out < total


def test_shares_are_what_they_say_nest_and_thin_partitions_out_evenly() -> None:
    batch = HeaderBatch(random_rows(40_000, 2), np.zeros(0, np.uint8))
    before = {int(ts) for ts in batch.rows["ts"]}
    for share in (0.5, 0.25, 1 / 64):
        some = Sampler(share).apply(batch).rows
        assert len(some) == pytest.approx(40_000 * share, rel=0.15)
        assert np.bincount(divide(some, 4)) == pytest.approx(10_000 * share, rel=0.3)
        now = {int(ts) for ts in some["ts"]}
        assert now < before
        before = now


def test_everything_is_kept_without_a_copy() -> None:
    batch = HeaderBatch(random_rows(3, 3), np.zeros(0, np.uint8))
    sampler = Sampler()
    assert sampler.apply(batch) is batch
    sampler.share = 0.5
    assert sampler.apply(batch._replace(sampling=0.1)).sampling == 0.1


def test_spans_of_time() -> None:
    spans = noted(noted(noted([], 10, 20, 0.5), 15, 30, 0.5), 31, 40, 0.25)
    assert spans == [(10, 30, 0.5), (31, 40, 0.25)]
    assert [least(spans, start, start + 10) for start in (0, 10, 25, 35, 41)] == [1.0, 0.5, 0.25, 0.25, 1.0]
    assert least(spans, 0, 11) == 0.5


def test_pressure_halves_the_share_and_calm_doubles_it() -> None:
    governor = Governor(0.125, cpu=1.0, calm=3)
    assert [governor.look(0.9, 0, 0.1) for _ in range(7)] == [1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    assert governor.look(0.9, 0, 0.1) == 0.125
    assert [governor.look(0.4, 0, 0.1) for _ in range(4)] == [0.125] * 4  # neither
    assert [governor.look(0.0, 0, 0.1) for _ in range(9)] == [0.125, 0.125, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 1.0]
    assert [governor.look(0.0, drops, 0.1) for drops in (5, 0, 5, 5)] == [1.0, 1.0, 1.0, 0.5]
    governor = Governor(0.125, cpu=1.0, calm=1)
    assert [governor.look(0.0, 0, 1.5) for _ in range(4)] == [1.0, 0.5, 0.5, 0.25]  # more CPU, twice in a row
    assert [governor.look(0.0, 0, cores) for cores in (0.7, 0.4)] == [0.25, 0.5]


def test_without_bounds_there_is_no_sampling() -> None:
    governor = Governor(1.0, cpu=0.0)
    assert [governor.look(1.0, 10, 8.0) for _ in range(5)] == [1.0] * 5


def test_each_header_stands_for_those_that_were_left_out() -> None:
    assert [weight(share) for share in (1.0, 0.25, 0.0, -1.0, float("nan"))] == [1.0, 4.0, 1.0, 1.0, 1.0]


def test_windows_are_told_what_was_left_out_of_them() -> None:
    """Also where the share changed in the midst of one; whatever the batches; and after a snapshot."""
    ts = np.arange(0, 60, dtype=np.int64)  # windows of 10 ns, ten headers in each
    share = np.repeat([1.0, 0.5, 0.25, 0.5, 1.0], [15, 10, 10, 20, 5])
    told = []
    for size in (1, 5, 15):
        shares = Shares(10)
        for start in range(0, 60, size):
            part = slice(start, start + size)
            for each in np.unique(share[part]):
                shares.note(ts[part][share[part] == each], float(each))
        again = Shares(10)
        state = msgspec.json.decode(msgspec.json.encode(shares.dump()))
        again.load(state["sampled"], state["thinned"])
        for one in (shares, again):
            windows = (one.tell(number, 10 * number, 10 * number + 10, 10) for number in range(7))
            told.append(list(windows))
    assert all(each == told[0] for each in told)
    assert told[0] == [(1.0, 0), (0.5, 5), (0.25, 20), (0.25, 20), (0.5, 10), (0.5, 5), (1.0, 0)]
    assert again.dump() == {"sampled": [], "thinned": []}


def test_windows_by_count_are_taken_to_have_one_share() -> None:
    shares = Shares(0)
    shares.note(np.array([5, 25]), 0.25)
    assert shares.tell(0, 0, 10, 100) == (0.25, 300)
    assert shares.tell(1, 30, 40, 100) == (1.0, 0)
