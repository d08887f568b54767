"""Windows against the slow reference, whatever the batches; their closing; their bounds."""

from __future__ import annotations

from tests.windows.made import S, Script, ip4, play
from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.windows.fields import Count
from wireverdict.windows.settings import WindowSettings


def test_windows_far_apart() -> None:
    script = Script()
    for ts in (0.0, 5.0, 1e9, 1e9 + 3.0, 4e9, 1.0):
        script.packet(ts, 1, 2)
    windows, views = play(script)
    assert [(view.number, view.packets) for view in views] == [(0, 2), (100_000_000, 2), (400_000_000, 1)]
    assert [view.start for view in views] == [view.number * 10 * S for view in views]
    assert windows.late_packets == 1
    assert views[-1].capture.late == 1


def test_a_window_waits_for_the_lateness() -> None:
    script = Script()
    for ts in (1.0, 11.0, 9.0, 19.999, 9.5, 20.0, 9.6):
        script.packet(ts, 1, 2)
    windows, views = play(script)
    assert [(view.number, view.packets, view.capture.final) for view in views] == [
        (0, 3, False),
        (1, 2, True),
        (2, 1, True),
    ]
    assert windows.late_packets == 1


def test_windows_by_count() -> None:
    script = Script()
    for k in range(25):
        script.packet(k / 1000, 1, 2)
    _, views = play(script, WindowSettings(packets=10))
    assert [(view.number, view.packets) for view in views] == [(0, 10), (1, 10), (2, 5)]
    assert [(view.start, view.end) for view in views] == [
        (0, 9_000_001),
        (10_000_000, 19_000_001),
        (20_000_000, 24_000_001),
    ]


def test_times_at_the_end_of_all_numbers_do_not_hang() -> None:
    script = Script()
    for ts in (0, (1 << 63) - 1, -(1 << 63), 5):
        script.packet(0.0, 1, 2)
        script.lines[-1][0]["ts"] = ts
    windows, views = play(script)
    assert sum(view.packets for view in views) + windows.late_packets == 4


def test_who_hears_anything() -> None:
    script = Script()
    script.packet(1.0, 1, 2)
    script.packet(1.0, 3, 2)
    script.packet(1.0, 2, 3)
    _, (view,) = play(script)
    assert view.hearing == {ip4(2), ip4(3)}
    assert view.pair(ip4(1), ip4(9)) is None


def test_what_is_said_of_the_capture_is_about_tcp() -> None:
    script = Script()
    for slot, protocol in enumerate((headers.TCP, headers.UDP, headers.UDP)):
        events = n.ONE_SIDED | (n.DATA | n.MISSED if protocol == headers.TCP else 0)
        script.packet(1.0, 1, 2, protocol=protocol, slot=slot, payload_length=10, missed=7, events=events)
    _, (view,) = play(script)
    capture = view.capture
    assert (capture.tcp_packets, capture.one_sided_packets, capture.payload_bytes) == (1, 1, 10)
    assert (capture.data_packets, capture.missed_events, capture.missed_bytes) == (1, 1, 7)
    assert view.services.of(Count.ONE_SIDED).sum() == 3
