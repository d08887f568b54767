"""Services of one window, as they are handed over."""

from __future__ import annotations

import numpy as np

from tests.windows.made import Script, play
from wireverdict.connections import notes as n
from wireverdict.windows.fields import Count
from wireverdict.windows.settings import WindowSettings


def test_rows_are_sorted_by_key() -> None:
    script = Script()
    for slot, (source, target, port) in enumerate([(3, 1, 80), (1, 2, 443), (2, 1, 80), (1, 2, 80), (9, 1, 7)]):
        script.packet(1.0, source, target, dport=port, slot=slot)
    _, (view,) = play(script)
    keys = [
        (int(k["low_lo"]) & 255, int(k["high_lo"]) & 255, int(k["port"]), int(k["responder"]))
        for k in view.services.keys
    ]
    assert keys == sorted(keys) == [(1, 2, 80, 0), (1, 2, 80, 1), (1, 2, 443, 1), (1, 3, 80, 0), (1, 9, 7, 0)]


def test_a_view_outlives_its_window() -> None:
    # what a view has not been asked for yet must not change when the window's memory is used again
    script, config = Script(), WindowSettings(max_services=64)
    for number in range(6):
        for slot in range(20):
            script.packet(10.0 * number + slot / 10, slot + number, 200, dport=80, slot=slot, ip_length=100 + number)
    _, views = play(script, config)
    for number, view in enumerate(views):
        assert view.services.of(Count.BYTES).sum() == 20 * (100 + number)
        assert view.services.counts[:, :, Count.PACKETS].sum() == 20
        assert np.array_equal(np.sort(view.services.keys["low_lo"] & np.uint64(255)), np.arange(number, number + 20))


def test_rows_in_no_order_are_the_same_rows() -> None:
    script = Script()
    for slot, (source, target, port) in enumerate([(3, 1, 80), (1, 2, 443), (2, 1, 80)]):
        script.packet(1.0, source, target, dport=port, slot=slot, events=n.NEW | n.RETRANSMISSION * (slot > 0))
    _, (view,) = play(script)
    rows, table = view.services.rows, view.services
    assert not rows.of(Count.PACKETS)[0].any()  # `other`, which is empty
    for what in Count:
        came = dict(zip(rows.keys.tolist(), rows.of(what).tolist(), strict=True))
        assert [came[key] for key in table.keys.tolist()] == table.of(what).tolist()
    assert table.of(Count.RETRANSMISSIONS).sum() == 2
