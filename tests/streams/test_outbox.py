from __future__ import annotations

import threading

import pytest

from streams.messages import Outgoing
from streams.outbox import DeliveryError, Outbox
from tests.streams.broker import Bus
from wireverdict.bus import Topic

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def bus() -> Bus:
    return Bus()


def test_what_is_flushed_is_on_its_topic_in_order(bus: Bus) -> None:
    outbox = Outbox(bus.settings, bus.options)
    sent = [Outgoing(Topic.CONNECTIONS, b"edge", b"%d" % n, [("wv-origin", b"0:%d" % n)], n % 2) for n in range(100)]
    outbox.send(sent)
    outbox.flush(30.0)
    read = bus.read(Topic.CONNECTIONS)
    for partition in (0, 1):
        got = [(m.key(), m.value(), m.headers()) for m in read if m.partition() == partition]
        assert got == [(m.key, m.value, m.headers) for m in sent if m.partition == partition]
    assert (outbox.sent, outbox.bytes) == (100, 190)


def test_a_flush_does_not_wait_for_what_others_send_meanwhile(bus: Bus) -> None:
    outbox, over = Outbox(bus.settings, bus.options), threading.Event()

    def send_on() -> None:
        while not over.is_set():
            outbox.send([Outgoing(Topic.VERDICTS, b"other", b"x", [])] * 10)

    sender = threading.Thread(target=send_on)
    sender.start()
    try:
        for number in range(5):
            outbox.send([Outgoing(Topic.DEAD_LETTERS, b"edge", b"%d" % number, [])])
            outbox.flush(30.0)
            assert [m.value() for m in bus.read(Topic.DEAD_LETTERS)][-1] == b"%d" % number
    finally:
        over.set()
        sender.join()


def test_a_key_always_goes_to_the_same_partition(bus: Bus) -> None:
    outbox = Outbox(bus.settings, bus.options)
    outbox.send(Outgoing(Topic.WINDOWS, b"edge-%d" % (n % 8), b"", []) for n in range(64))
    outbox.flush(30.0)
    places: dict[object, set[object]] = {}
    for message in bus.read(Topic.WINDOWS):
        places.setdefault(message.key(), set()).add(message.partition())
    assert {len(numbers) for numbers in places.values()} == {1}
    assert len(set.union(*places.values())) == 2


def test_a_message_that_cannot_be_sent_is_told(bus: Bus) -> None:
    outbox = Outbox(bus.settings, bus.options)
    with pytest.raises(DeliveryError, match="too large"):
        outbox.send([Outgoing(Topic.WINDOWS, b"edge", bytes(2_100_000), [])])


def test_brokers_that_are_away_are_waited_for_only_so_long(bus: Bus) -> None:
    outbox = Outbox(bus.settings, {"bootstrap.servers": "127.0.0.1:1", "log_level": 0})  # it never gives up
    outbox.send([Outgoing(Topic.WINDOWS, b"edge", b"", [])])
    with pytest.raises(DeliveryError, match="1 messages have not arrived"):
        outbox.flush(0.1)
