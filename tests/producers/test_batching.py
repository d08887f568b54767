"""Messages are a function of the headers, however these come; each partition has a sequence and hears of the clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from producers import batching
from producers.batching import Batcher, Message
from producers.recorded.pieces import joined
from tests.codec.made import assert_equal, random_batch
from wireverdict.bus import Envelope, Kind
from wireverdict.codec.headers import decode_headers
from wireverdict.headers import HEADER, HeaderBatch
from wireverdict.partition import with_quoted

SECOND = 1_000_000_000


def by_source(rows: NDArray[np.void], partitions: int) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    rows = np.ascontiguousarray(with_quoted(rows, partitions))
    return rows, (rows["src_lo"] % partitions).astype(np.int64) if partitions > 1 else np.zeros(0, np.int64)


def headers(times: list[float], sources: list[int]) -> HeaderBatch:
    rows = np.zeros(len(times), HEADER)
    rows["ts"] = [round(time * SECOND) for time in times]
    rows["src_lo"] = sources
    return HeaderBatch(rows, np.zeros(0, np.uint8))


def told(messages: list[Message]) -> list[tuple[int, int, str, int, float]]:
    """Partition, sequence, kind, headers, clock in s."""
    envelopes = [(message.partition, Envelope.from_headers(message.headers)) for message in messages]
    return [(number, each.sequence, each.kind, each.headers, each.clock / SECOND) for number, each in envelopes]


def test_every_partition_hears_of_the_clock_each_second() -> None:
    batcher = Batcher("s", "r", 2, by_source)
    messages = list(batcher.add(headers([10.1, 10.2, 10.9, 12.5, 12.6], [0, 0, 0, 1, 0])))
    assert told(messages) == [(0, 0, Kind.HEADERS, 3, 10.9), (1, 0, Kind.TICK, 0, 10.9)]
    assert told(list(batcher.add(headers([13.0], [0])))) == [
        (0, 1, Kind.HEADERS, 1, 12.6),
        (1, 1, Kind.HEADERS, 1, 12.6),
    ]
    assert told(list(batcher.end())) == [
        (0, 2, Kind.HEADERS, 1, 13.0),
        (0, 3, Kind.END, 0, 13.0),
        (1, 2, Kind.END, 0, 13.0),
    ]
    assert messages[0].key == b"s"


def test_an_input_without_a_header_has_no_end_either() -> None:
    batcher = Batcher("s", "r", 3, by_source)
    assert [*batcher.add(headers([], [])), *batcher.end()] == []


def test_a_message_ends_when_it_is_full() -> None:
    batcher = Batcher("s", "r", 1, by_source, size=2)
    assert told(list(batcher.add(headers([1.1, 1.2, 1.3, 1.4, 1.5], [0] * 5)))) == [
        (0, 0, Kind.HEADERS, 2, 1.2),
        (0, 1, Kind.HEADERS, 2, 1.4),
    ]


def test_a_clock_never_goes_back() -> None:
    batcher = Batcher("s", "r", 1, by_source)
    list(batcher.add(headers([5.5], [0])))
    (message,) = [*batcher.add(headers([5.2, 4.0], [0, 0])), *batcher.end()][:1]
    batch, clock = decode_headers(message.value)
    assert (batch.rows["ts"] / SECOND).tolist() == [5.5, 5.2, 4.0]
    assert (clock / SECOND).tolist() == [5.5, 5.5, 5.5]
    envelope = Envelope.from_headers(message.headers)
    assert (envelope.first, envelope.last) == (4 * SECOND, round(5.5 * SECOND))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**16), st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 4), st.integers(1, 20)
)
def test_messages_do_not_depend_on_how_headers_come(seed: int, cuts: list[int], partitions: int, size: int) -> None:
    whole, _ = random_batch(seed, sum(cuts), 0.9)
    whole.rows["ts"] = np.random.default_rng(seed).integers(0, 5 * SECOND, len(whole.rows))

    def messages(parts: list[int]) -> list[list[Message]]:
        batcher = Batcher("s", "r", partitions, by_source, size=size)
        sent: list[list[Message]] = [[] for _ in range(partitions)]
        at = 0
        for part in parts:
            for message in batcher.add(HeaderBatch(whole.rows[at : at + part], whole.names)):
                sent[message.partition].append(message)
            at += part
        for message in batcher.end():
            sent[message.partition].append(message)
        return sent

    once = messages([sum(cuts)])
    assert messages(cuts) == once
    for partition, sent in enumerate(once):
        decoded = [decode_headers(message.value)[0] for message in sent if message.value]
        rows, numbers = by_source(whole.rows, partitions)
        mine = np.flatnonzero(numbers == partition) if partitions > 1 else np.arange(len(rows))
        assert_equal(joined(decoded), HeaderBatch(rows[mine], whole.names))
        envelopes = [Envelope.from_headers(message.headers) for message in sent]
        assert [envelope.sequence for envelope in envelopes] == list(range(len(sent)))
        assert envelopes[-1].kind is Kind.END


def test_what_was_lost_travels_with_the_next_messages() -> None:
    lost: dict[str, int] = {}
    batcher = Batcher("s", "r", 1, by_source, drops=lambda: lost)
    (first,) = batcher.tell()
    lost["spool_full"] = 7
    (second,) = batcher.tell()
    assert [Envelope.from_headers(each.headers).drops for each in (first, second)] == [{}, {"spool_full": 7}]


def test_headers_that_need_much_room_go_in_several_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, _ = random_batch(3, 200, 0.0)
    batch.rows["ts"] = 5
    whole = Batcher("s", "r", 1, by_source)
    list(whole.add(batch))
    (one, _) = whole.end()
    limit = len(one.value) // 2
    monkeypatch.setattr(batching, "LARGEST", limit)
    several = Batcher("s", "r", 1, by_source)
    list(several.add(batch))
    *parts, _ = several.end()
    assert len(parts) > 2
    assert max(len(part.value) for part in parts) <= limit
    assert_equal(joined([decode_headers(part.value)[0] for part in parts]), batch)


def test_time_that_goes_by_without_packets_is_told_once_a_second() -> None:
    batcher = Batcher("s", "r", 2, by_source)
    assert list(batcher.tick(5 * SECOND)) == []  # nothing was ever captured
    assert list(batcher.add(headers([10.2, 10.3], [0, 0]))) == []
    assert list(batcher.tick(10 * SECOND + SECOND // 2)) == []
    assert told(list(batcher.tick(11 * SECOND))) == [(0, 0, Kind.HEADERS, 2, 11.0), (1, 0, Kind.TICK, 0, 11.0)]
    assert list(batcher.tick(11 * SECOND + 5)) == []
    assert told(list(batcher.add(headers([11.5, 12.1], [0, 0])))) == [
        (0, 1, Kind.HEADERS, 1, 11.5),
        (1, 1, Kind.TICK, 0, 11.5),
    ]
    assert told(list(batcher.add(headers([10.9, 13.0], [1, 1])))) == [
        (0, 2, Kind.HEADERS, 1, 12.1),
        (1, 2, Kind.HEADERS, 1, 12.1),
    ]


def test_each_message_says_the_least_share_of_its_time_and_what_the_capture_says() -> None:
    said = {"freezes": 1}
    batcher = Batcher("s", "r", 1, by_source, capture=lambda: said)
    shares = []
    for second, share in enumerate((1.0, 0.5, 0.25, 1.0, 1.0), 10):
        list(batcher.add(headers([second / 100], [0])._replace(sampling=share)))
        (message,) = batcher.tell()
        envelope = Envelope.from_headers(message.headers)
        assert envelope.capture == said
        assert dict(message.headers).get("wv-sampling") == (
            None if envelope.sampling == 1 else str(envelope.sampling).encode()
        )
        shares.append(envelope.sampling)
    assert shares == [1.0, 0.5, 0.25, 0.25, 1.0]
