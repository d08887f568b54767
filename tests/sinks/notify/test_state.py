"""What is remembered: which steps were had already, and records that a change touches few of."""

from __future__ import annotations

import msgspec
import pytest

from sinks.notify.core import Notifier
from sinks.notify.state import Held, dump, load
from sinks.notify.store import changes
from tests.sinks.notify.made import NOW, dns
from wireverdict.notifying import NotifySettings


def test_steps_that_were_had() -> None:
    held = Held(dns(0), NOW, latest=NOW + 10)
    assert held.take(dns(0, "repeated", 5), NOW)
    assert not held.take(dns(0), NOW)  # older
    assert held.take(dns(0, "resolved", 9), NOW)
    assert not held.take(dns(0, "resolved", 9), NOW)
    assert not held.take(dns(0, "repeated", 5), NOW)
    assert held.take(dns(0, "fired", 20), NOW + 50)  # the same beginning, told later than its end
    assert held.since == NOW + 50
    assert held.take(dns(0, "fired", 40, begun=300), NOW + 90)
    assert not held.take(dns(0, "resolved", 9), NOW + 91)  # of an incident that is past
    assert held.trouble.firing


def test_a_change_touches_its_own_records() -> None:
    notifier = Notifier(NotifySettings())
    notifier.hear(NOW, [dns(number) for number in range(100)])
    before = dump(notifier)
    notifier.hear(NOW + 1, [dns(7, "resolved", 9)])
    assert [name for name, _ in changes(before, dump(notifier))] == [f"trouble {dns(7).key}"]


def test_records_that_cannot_be_read_are_told() -> None:
    with pytest.raises(msgspec.MsgspecError):
        load(Notifier(NotifySettings()), {"head": b"{}"})
    empty = Notifier(NotifySettings())
    load(empty, {})
    assert empty.held == {}


def test_what_is_over_is_put_aside_and_found_again() -> None:
    first = Notifier(NotifySettings(wait=0.0, hold=0.0))
    for number in range(3):
        first.hear(NOW + number, [dns(number), dns(number, "resolved", 9)])
        first.tell(NOW + number)
    first.tell(NOW + 10)
    first.tell(NOW + 11)
    assert (len(first.held), len(first.past)) == (0, 3)
    second = Notifier(NotifySettings())
    load(second, dump(first))
    assert list(second.past) == list(first.past)
    assert dump(second) == dump(first)
    second.hear(NOW + 20, [dns(1)])  # sent again
    assert second.tell(NOW + 60) == []
    second.hear(NOW + 70, [dns(1, "fired", 30, begun=200)])
    assert len(second.tell(NOW + 90)) == 1


def test_many_that_are_over_cost_little() -> None:
    notifier = Notifier(NotifySettings())
    notifier.hear(NOW, [dns(number, "resolved", 9) for number in range(2_000)])
    notifier.tell(NOW)
    before = dump(notifier)
    assert len(before) == 2_001
    after = dump(notifier)
    assert all(after[name] is before[name] for name in before if name != "head")  # nothing is encoded again
