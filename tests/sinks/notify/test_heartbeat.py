"""When nothing comes from anybody."""

from __future__ import annotations

import msgspec

from sinks.notify.core import Notifier
from sinks.notify.heartbeat import Heartbeat, Pulse
from tests.sinks.notify.made import NOW
from wireverdict.notifying import NotifySettings


def test_silence_of_all_is_told_once_and_ends_with_the_next_message() -> None:
    heart, told = Heartbeat(300.0), []
    for second in range(0, 1790, 10):
        count = 5 if second < 100 else 6 if second < 1500 else 7
        made = heart.beat(NOW + second, count)
        if made is not None:
            told.append((second, made.firing, made.incident))
    (began, fires, first), (ended, still, second_incident) = told
    assert (began, fires, ended, still) == (400, True, 1500, False)
    assert first == second_incident
    assert heart.beat(NOW + 1799, 7) is None
    later = heart.beat(NOW + 1800, 7)
    assert later is not None
    assert later.incident != first


def test_before_anything_has_come_nothing_is_missed_and_it_can_be_off() -> None:
    heart, off = Heartbeat(10.0), Heartbeat(0.0)
    assert [heart.beat(NOW + second, 0) for second in (0, 100, 1000)] == [None] * 3
    assert [off.beat(NOW + second, 3) for second in (0, 100, 1000)] == [None] * 3


def test_what_it_remembers_goes_through_json() -> None:
    heart, fresh = Heartbeat(10.0), Heartbeat(10.0)
    heart.beat(NOW, 3)
    heart.beat(NOW + 10, 3)
    fresh.pulse = msgspec.json.decode(msgspec.json.encode(heart.pulse), type=Pulse)
    assert fresh.beat(NOW + 20, 3) is None
    ended = fresh.beat(NOW + 30, 4)
    assert ended is not None
    assert not ended.firing


def test_it_pages() -> None:
    heart, notifier = Heartbeat(10.0), Notifier(NotifySettings(wait=0.0, hold=0.0))
    for second, count in ((0, 3), (10, 3), (20, 4)):
        made = heart.beat(NOW + second, count)
        notifier.hear(NOW + second, [made] if made else [])
        notifier.tell(NOW + second)
    assert not notifier.pages
    assert notifier.memory
