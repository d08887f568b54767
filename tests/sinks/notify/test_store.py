"""Silences and memory on a real broker."""

from __future__ import annotations

import msgspec
import pytest

from sinks.notify.silences import Silence
from sinks.notify.store import changes, read_memory, read_silences, write_silence
from tests.sinks.bus import new_bus, send
from wireverdict.bus import Topic
from wireverdict.notifying import Selection

pytestmark = pytest.mark.services


def test_silences_come_back_and_the_last_word_counts() -> None:
    bus = new_bus()
    one = Silence("one", Selection(rules=("dns-*",)), 1.0, 2.0, comment="why")
    weekly = Silence("weekly", Selection(), 1.0, every="0 22 * * SUN", length=60.0, zone="Europe/Berlin")
    write_silence(bus, one)
    write_silence(bus, weekly)
    assert read_silences(bus) == [one, weekly]
    later = msgspec.structs.replace(one, end=3.0)
    write_silence(bus, later)
    send(bus, Topic.SILENCES, [(b"bad", b"{}", {}), (b"worse", b'{"id":"x","what":{},"start":0,"every":"x"}', {})])
    assert read_silences(bus) == [later, weekly]


def test_the_memory_of_one_is_not_that_of_another() -> None:
    bus = new_bus()
    send(bus, Topic.NOTIFIER, [(b"sink.a head", b"1", {}), (b"sink.a page x", b"2", {}), (b"sink.ab head", b"3", {})])
    assert read_memory(bus, "sink.a") == {"head": b"1", "page x": b"2"}


def test_only_what_changes_is_written() -> None:
    before, after = {"a": b"1", "b": b"2", "c": b"3"}, {"a": b"1", "b": b"4", "d": b"5"}
    assert dict(changes(before, after)) == {"b": b"4", "d": b"5", "c": None}
