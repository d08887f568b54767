from __future__ import annotations

import random

import pytest
from confluent_kafka import Producer

from streams.checkpoints import CheckpointError, Fenced, Ledger, Snapshot
from tests.streams.broker import Bus
from wireverdict.bus import Topic

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def bus() -> Bus:
    return Bus()


def ledger(bus: Bus, number: int, group: str = "g", chunk: int = 1_000) -> Ledger:
    source = (bus.name(Topic.HEADERS), number)
    return Ledger(bus.options, bus.name(Topic.CHECKPOINTS), group, source, partition=0, chunk=chunk)


def some(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_there_is_nothing_at_first(bus: Bus) -> None:
    assert ledger(bus, 0, "new").restore() is None


def test_the_last_snapshot_is_in_force_whatever_its_size(bus: Bus) -> None:
    for offset, size in enumerate((0, 10, 100_500, 1_000, 5_000)):
        ledger(bus, 1).save(Snapshot(offset, some(size)))
        assert ledger(bus, 1).restore() == Snapshot(offset, some(size))


def test_partitions_and_groups_do_not_see_each_other(bus: Bus) -> None:
    first, second = ledger(bus, 2), ledger(bus, 3)
    other = ledger(bus, 2, "other")
    first.save(Snapshot(1, b"first"))
    second.save(Snapshot(2, b"second"))
    assert ledger(bus, 2).restore() == Snapshot(1, b"first")
    assert ledger(bus, 3).restore() == Snapshot(2, b"second")
    assert other.restore() is None


def test_a_snapshot_is_found_behind_many_messages_of_others(bus: Bus) -> None:
    ledger(bus, 4).save(Snapshot(7, some(90_000)))
    producer = Producer(bus.options)
    for number in range(5_000):
        producer.produce(bus.name(Topic.CHECKPOINTS), key=f"other/{number}", value=b"", partition=0)
    producer.flush()
    assert ledger(bus, 4).restore() == Snapshot(7, some(90_000))


def test_whoever_comes_later_fences_whoever_was_there(bus: Bus) -> None:
    first = ledger(bus, 5)
    first.save(Snapshot(1, b"mine"))
    second = ledger(bus, 5)
    with pytest.raises(Fenced, match="fenced"):
        first.save(Snapshot(2, b"still mine"))
    assert second.restore() == Snapshot(1, b"mine")
    second.save(Snapshot(3, b"yours"))
    assert ledger(bus, 5).restore() == Snapshot(3, b"yours")


def test_a_snapshot_that_was_not_finished_is_not_seen(bus: Bus) -> None:
    """As by a worker that is killed in the middle of a transaction: the next one aborts it."""
    first = ledger(bus, 6)
    first.save(Snapshot(1, some(5_000)))
    first._producer.begin_transaction()
    first._send("b/0", b"half", [("id", b"1")], lambda *_: None)
    first._producer.flush()
    second = ledger(bus, 6)
    assert second.restore() == Snapshot(1, some(5_000))
    second.save(Snapshot(2, some(3_000)))
    assert ledger(bus, 6).restore() == Snapshot(2, some(3_000))


def test_slots_take_turns_and_shrink_with_their_snapshots(bus: Bus) -> None:
    kept = ledger(bus, 7)
    for offset, size in enumerate((3_000, 3_000, 500)):
        kept.save(Snapshot(offset, some(size)))
    ours = [m for m in bus.read(Topic.CHECKPOINTS, "read_committed") if (m.key() or b"").startswith(kept.prefix)]
    newest = {(m.key() or b"").removeprefix(kept.prefix): m.value() for m in ours}  # what compaction would leave
    assert {key for key, value in newest.items() if value is not None} == {b"manifest", b"a/0", b"b/0", b"b/1", b"b/2"}


def test_a_missing_chunk_is_told(bus: Bus) -> None:
    kept = ledger(bus, 8)
    kept.save(Snapshot(1, some(2_500)))
    producer = Producer(bus.options)
    producer.produce(bus.name(Topic.CHECKPOINTS), key=kept.prefix + b"a/1", value=None, partition=0)
    producer.flush()
    with pytest.raises(CheckpointError, match="chunk 1 of snapshot 0 is not in"):
        ledger(bus, 8).restore()
