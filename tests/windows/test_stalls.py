"""How long receive windows stay closed."""

from __future__ import annotations

from typing import Any

from tests.windows.made import Script, play
from wireverdict.connections import notes as n
from wireverdict.windows.fields import Count


def test_a_stall_is_booked_to_the_windows_it_lasts_through() -> None:
    script = Script()
    flow: dict[str, Any] = {"sport": 1000, "dport": 80, "slot": 0}
    script.packet(6.0, 1, 2, events=n.ZERO_WINDOW, **flow)
    script.packet(25.0, 1, 2, events=n.WINDOW_OPENED, **flow)
    script.packet(31.0, 1, 2, events=n.ZERO_WINDOW, **flow)
    script.packet(32.5, 3, 4)
    script.packet(47.0, 3, 4)
    script.packet(999.0, 3, 4)
    _, views = play(script)
    stalls = {view.number: int(view.services.counts[:, 0, Count.STALL_MS].sum()) for view in views}
    # window 1 had no packet and so is none; the last one is not believed, 300 s after the window closed
    assert stalls == {0: 4000, 2: 5000, 3: 9000, 4: 10_000, 99: 0}


def test_a_stall_ends_with_its_connection() -> None:
    script = Script()
    flow: dict[str, Any] = {"sport": 1000, "dport": 80, "slot": 0}
    script.packet(1.0, 1, 2, events=n.ZERO_WINDOW, **flow)
    script.packet(3.5, 1, 2, events=n.RST_SEEN, **flow)
    script.packet(4.0, 1, 2, events=n.NEW | n.ZERO_WINDOW, **flow)
    script.packet(5.0, 3, 4, events=n.NEW, sport=7, dport=7, slot=0)  # somebody else has the row now
    script.packet(9.0, 3, 4)
    _, (view,) = play(script)
    assert view.services.of(Count.STALL_MS).sum() == 2500
    assert view.services.of(Count.ZERO_WINDOWS).sum() == 2
