"""Full tables: what has no row of its own is still counted, and crowds nobody out."""

from __future__ import annotations

from tests.windows.made import Script, ip4, play
from wireverdict.connections import notes as n
from wireverdict.windows.fields import Count
from wireverdict.windows.settings import WindowSettings


def test_a_port_scan_crowds_nobody_out() -> None:
    script = Script()
    for port in range(1000):
        script.packet(1.0, 1, 2, sport=40_000, dport=port + 1, slot=port)
    script.packet(1.5, 3, 4, sport=40_000, dport=80, slot=1000)
    script.packet(1.6, 4, 3, sport=80, dport=40_000, slot=1000, events=n.FROM_RESPONDER)
    _, (view,) = play(script, WindowSettings(max_services=64))
    assert len(view.services.keys) <= 64
    assert view.services.counts[:, :, Count.PACKETS].sum() == 1002
    others = view.pair(ip4(3), ip4(4))
    assert others is not None
    assert others[:, Count.PACKETS].tolist() == [1, 1]
    scan = view.pair(ip4(1), ip4(2))
    assert scan is not None
    assert scan[0, Count.PACKETS] == 1000
    assert view.capture.overflow == 1002 - 47  # three quarters of 64 rows, less the row of all others


def test_a_flood_of_addresses_is_summed_up() -> None:
    script = Script()
    for host in range(200):
        script.packet(1.0, host, 250, sport=1, dport=80, slot=host)
    _, (view,) = play(script, WindowSettings(max_services=64))
    assert len(view.pairs.keys) <= 64
    assert view.pairs.counts[0, :, Count.PACKETS].sum() == 200 - 63
    assert not view.pairs.keys["low_lo"][0]
