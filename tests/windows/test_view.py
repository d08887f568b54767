"""What a view derives from its services: pairs, one column at a time or all at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.windows.made import Script, ip4, whole
from wireverdict import headers
from wireverdict.windows.fields import Count
from wireverdict.windows.merge import Merge
from wireverdict.windows.view import WindowView
from wireverdict.windows.windows import Windows

ENDS = st.integers(1, 4)


@given(st.lists(st.tuples(ENDS, ENDS, st.sampled_from([53, 80, 443]), st.integers(40, 1500)), min_size=1, max_size=30))
def test_pairs_are_services_summed(packets: list[tuple[int, int, int, int]]) -> None:
    script = Script()
    for slot, (source, target, port, length) in enumerate(packets):
        script.packet(1.0, source, target, dport=port, ip_length=length, slot=slot, protocol=headers.UDP)
    rows, names, notes = script.arrays()

    def view() -> WindowView:
        windows = Windows()
        windows.observe(rows, names, notes)
        return whole(Merge(1), windows.finish())[0]

    first, second = view(), view()
    for what in Count:  # columns on their own, and columns of the whole
        for table in ("services", "pairs"):
            column = getattr(first, table).of(what)
            assert column.tolist() == getattr(second, table).counts[:, :, what].tolist()
    expected: dict[tuple[int, int], list[int]] = {}
    for source, target, _, length in packets:
        low, high = min(source, target), max(source, target)
        expected.setdefault((low, high), [0, 0])[int(source > target)] += length
    keys, counts = second.pairs
    ends = [(int(key["low_lo"]) & 0xFF, int(key["high_lo"]) & 0xFF) for key in keys]
    assert ends == sorted(expected)
    assert np.array_equal(counts[:, :, Count.BYTES], [expected[end] for end in ends])
    for (low, high), sent in expected.items():
        found = first.pair(ip4(high), ip4(low))
        assert found is not None
        assert found[:, Count.BYTES].tolist() == (sent[::-1] if low != high else sent)
    chosen = np.arange(len(first.services.rows.pairs.firsts)) % 2 == 1  # without group 0: `other`, which is empty
    some, every = first.some_pairs(chosen), keys.tolist()
    places = [every.index(key) for key in some.keys.tolist()]
    assert places == sorted(places)
    assert len(places) == np.count_nonzero(chosen)
    assert some.counts.tolist() == counts[places].tolist()
    assert some.of(Count.BYTES).tolist() == counts[places, :, Count.BYTES].tolist()
