"""Tables that grow and give back: chunks by preference, pairs by hash."""

from __future__ import annotations

import numpy as np

from wireverdict.paths import Paths, PathSettings, layout, pools

SMALL = PathSettings(max_slots=64, max_members=64, max_pairs=64, max_chunks=64, max_rings=64)


def test_chunks_are_used_again_and_half_are_kept_for_those_who_lose() -> None:
    paths = Paths(SMALL)
    taken = [int(pools.take_chunk(paths.links, paths.counters, False)) for _ in range(33)]
    assert taken[:32] == list(range(32))
    assert taken[32] == -1
    assert [int(pools.take_chunk(paths.links, paths.counters, True)) for _ in range(33)][-1] == -1
    assert paths.counters[layout.CHUNKS_USED] == 64
    pair = paths.pairs[0]
    pair["head"], pair["tail"], pair["chunks"] = 5, 6, 2
    paths.links[5] = 6
    pools.clear_pair(pair, paths.links, paths.counters)
    assert (pair["head"], pair["chunks"], pair["used"]) == (-1, 0, layout.CHUNK)
    assert paths.counters[layout.CHUNKS_USED] == 62
    assert {int(pools.take_chunk(paths.links, paths.counters, True)) for _ in range(2)} == {5, 6}


def hash_of(key: tuple[np.uint64, ...]) -> np.uint64:
    """A number from a kernel is Python's, and would be taken for a signed one by the next."""
    return np.uint64(pools.hash_pair(*key))


def test_pairs_are_found_again() -> None:
    paths = Paths(SMALL)
    one = np.uint64(1)
    keys = [(one * k, one * (k % 3), one * (7 * k), one) for k in range(64)]
    for row, key in enumerate(keys):
        hashed = hash_of(key)
        found, place = pools.find_pair(paths.table, paths.pairs, hashed, *key)
        assert found == -1
        taken = pools.take_pair(paths.table, place, paths.sieve, hashed, paths.pairs, paths.links, paths.counters)
        assert taken == row
        pair = paths.pairs[row]
        pair["low_hi"], pair["low_lo"], pair["high_hi"], pair["high_lo"] = key
    for row, key in enumerate(keys):
        assert pools.find_pair(paths.table, paths.pairs, hash_of(key), *key)[0] == row
        assert pools.may_be_known(paths.sieve, hash_of(key))
    assert int(np.bitwise_count(paths.sieve).sum()) == len({int(hash_of(key)) >> 48 for key in keys})
    stranger = one * 99, one, one, one
    hashed = hash_of(stranger)
    assert not pools.may_be_known(paths.sieve, hashed)
    found, place = pools.find_pair(paths.table, paths.pairs, hashed, *stranger)
    assert found == -1
    assert pools.take_pair(paths.table, place, paths.sieve, hashed, paths.pairs, paths.links, paths.counters) == -1
    assert paths.full == {"watched_pairs_full": 1}


def test_members_and_rings() -> None:
    paths = Paths(SMALL)
    member = pools.take_member(paths.members, paths.counters)
    ring = pools.take_ring(paths.rings, paths.loads, paths.oldest, paths.counters, member, 1)
    assert ring == 1
    assert set(paths.loads[0]["second"].tolist()) == {-1}
    assert paths.oldest[0] == layout.NEVER
    row = paths.members[member]
    row["pair"], row["ring"] = 0, [0, ring]
    paths.pairs["members"][0] = 1
    pools.release_member(np.int64(member), paths.members, paths.pairs, paths.rings, paths.counters)
    assert paths.pairs["members"][0] == 0
    assert paths.rings["member"][0] == -1
    assert pools.take_member(paths.members, paths.counters) == member
    assert pools.take_ring(paths.rings, paths.loads, paths.oldest, paths.counters, member, 0) == ring
    for _ in range(64):
        pools.take_ring(paths.rings, paths.loads, paths.oldest, paths.counters, member, 0)
        pools.take_member(paths.members, paths.counters)
    assert paths.full == {"load_rings_full": 1, "watched_connections_full": 1}
