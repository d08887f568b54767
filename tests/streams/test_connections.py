from __future__ import annotations

import gc
import weakref
from pathlib import Path

import msgspec
import orjson
import pytest

from streams.messages import Closing, nothing
from tests.streams.chain import Chain
from tests.streams.publishing import Sent, answer, header_batches, publication
from wireverdict.bus import BadMessage, Envelope, Kind, Topic
from wireverdict.headers import HeaderBatch
from wireverdict.settings import Settings
from wireverdict.windows.part import WindowPart
from wireverdict.windows.settings import WindowSettings

DEMO = Path(__file__).resolve().parents[2] / "demo" / "dns-outage.pcap.gz"


@pytest.fixture(scope="module")
def batches() -> list[HeaderBatch]:
    return list(header_batches([DEMO], batch=500))


def changed(message: Sent, **fields: object) -> Sent:
    envelope = msgspec.structs.replace(Envelope.from_headers(message.headers), **fields)
    return Sent(message.partition, message.key, message.value, envelope.to_headers())


@pytest.mark.parametrize("partitions", [1, 4])
def test_the_answer_is_that_of_analyze(batches: list[HeaderBatch], partitions: int) -> None:
    chain = Chain(partitions)
    chain.take(publication(batches, "edge", partitions))
    assert chain.answer("edge") == answer(batches)


def test_it_is_the_same_after_restarts_at_any_message(batches: list[HeaderBatch]) -> None:
    chain = Chain(2)
    for number, message in enumerate(publication(batches, "edge", 2)):
        if number % 5 == 0:
            chain.reload()
        chain.take([message])
    assert chain.answer("edge") == answer(batches)


def test_what_is_sent_again_is_left_out_and_counted(batches: list[HeaderBatch]) -> None:
    sent = publication(batches, "edge", 2)
    chain = Chain(2)
    chain.take([*sent[:20], *sent, *sent])
    assert chain.answer("edge") == answer(batches)
    again = chain.metrics.registry.get_sample_value("wireverdict_stream_duplicate_messages_total", {"topic": "headers"})
    assert again == 20 + len(sent)


def test_batches_that_never_came_are_counted_and_told(batches: list[HeaderBatch]) -> None:
    sent = publication(batches, "edge", 1)
    chain = Chain(1)
    chain.take([*sent[:10], *sent[13:]])
    lost = chain.metrics.registry.get_sample_value(
        "wireverdict_stream_lost_batches_total", {"sensor": "edge", "reason": "missing"}
    )
    assert lost == 3
    closings = [Closing.from_headers(out.headers) for out in chain.sent if out.topic is Topic.WINDOWS]
    assert closings[-1].lost == {"missing": 3}


def drops(chain: Chain) -> dict[int, int]:
    """Headers that windows are told to have been lost, by window."""
    found: dict[int, int] = {}
    for out in chain.sent:
        if out.topic is Topic.WINDOWS and out.value:
            for value in msgspec.msgpack.decode(out.value, type=list[bytes]):
                part = WindowPart.from_bytes(value)
                found[part.number] = found.get(part.number, 0) + part.capture.reported_drops
    return {number: count for number, count in found.items() if count}


@pytest.mark.parametrize("partitions", [1, 4])
def test_windows_hear_how_many_headers_were_lost_in_them(batches: list[HeaderBatch], partitions: int) -> None:
    sent = publication(batches, "edge", partitions)
    gone = [message for message in sent[40:80] if Envelope.from_headers(message.headers).kind is Kind.HEADERS]
    envelopes = [Envelope.from_headers(message.headers) for message in gone]
    assert len(envelopes) > 3
    chain = Chain(partitions)
    for message in sent:
        if message not in gone:
            chain.reload()
            chain.take([message])
    found = drops(chain)
    assert sum(found.values()) == sum(envelope.headers for envelope in envelopes)
    width = 10 * 10**9
    assert min(found) >= envelopes[0].first // width - 1
    assert max(found) <= envelopes[-1].last // width + 1


def test_a_lost_header_of_a_sample_stands_for_those_that_were_left_out(batches: list[HeaderBatch]) -> None:
    sent = [changed(message, sampling=0.25) for message in publication(batches, "edge", 1)]
    gone = [Envelope.from_headers(message.headers).headers for message in sent[10:13]]
    chain = Chain(1)
    chain.take([*sent[:10], *sent[13:]])
    assert sum(drops(chain).values()) == 4 * sum(gone) > 0


def test_what_the_sensor_lost_itself_is_told_once_however_many_partitions_there_are(batches: list[HeaderBatch]) -> None:
    sent = publication(batches, "edge", 4)
    half = len(sent) // 2
    told = {"kernel": 500, "spool_full": 70}  # what the spool lost leaves a gap besides
    chain = Chain(4)
    chain.take([*sent[:half], *(changed(message, drops=told) for message in sent[half:])])
    assert sum(drops(chain).values()) == 500


def test_verdicts_say_what_was_lost(batches: list[HeaderBatch]) -> None:
    sent = publication(batches, "edge", 1)
    chain = Chain(1)
    told = [changed(message, drops={"kernel": number}) for number, message in enumerate(sent)]
    chain.take(told)
    verdicts = [orjson.loads(out.value) for out in chain.sent if out.topic is Topic.VERDICTS]
    qualities = [verdict["wireverdict"]["capture_quality"] for verdict in verdicts]
    assert any(quality.get("reported_drops_packets", 0) > 0 for quality in qualities)


def test_an_end_that_nobody_will_read_is_made_up_for_by_the_next_run(batches: list[HeaderBatch]) -> None:
    """Retention took it: the topic has nothing between two messages of a partition."""
    first, second = publication(batches, "edge", 2, run="a"), publication(batches, "edge", 2, run="b")
    chain = Chain(2)
    chain.take(first[:-1])  # the end for the last partition is missing
    lost = first[-1].partition
    chain.offsets[lost] += 1
    chain.connections[lost].missed()
    chain.reload()
    chain.take(second)
    records, verdicts = chain.answer("edge")
    once = answer(batches)
    assert records == sorted(once[0] * 2)
    assert verdicts == once[1]
    assert chain.verdicts.open == 0


def test_messages_that_went_unread_within_a_run_end_nothing(batches: list[HeaderBatch]) -> None:
    sent = publication(batches, "edge", 1)
    chain = Chain(1)
    chain.take(sent[:10])
    chain.connections[0].missed()
    chain.take(sent[10:])
    assert chain.answer("edge") == answer(batches)


def test_windows_by_count_are_refused_for_sensors_that_are_divided(batches: list[HeaderBatch]) -> None:
    chain = Chain(2, Settings(windows=WindowSettings(packets=5_000)))
    with pytest.raises(BadMessage, match="windows by count cannot be divided"):
        chain.take(publication(batches, "edge", 2)[:1])


def test_what_was_copied_is_not_changed_by_what_is_applied_later(batches: list[HeaderBatch]) -> None:
    sent = publication(batches, "edge", 1)
    chain = Chain(1)
    chain.take(sent[:30])
    at_once, later = chain.connections[0].dump()(), chain.connections[0].dump()
    chain.take(sent[30:])
    assert later() == at_once


def test_a_new_run_after_the_end_begins_afresh(batches: list[HeaderBatch]) -> None:
    """Other partitions may still be at the end of the run before: the detectors agent has to keep them apart."""
    chain = Chain(2)
    first, second = publication(batches, "edge", 2, run="a"), publication(batches, "edge", 2, run="b")
    chain.take(first[:-1])
    chain.take(message for message in second if message.partition == first[-2].partition)
    chain.take(first[-1:])
    chain.take(message for message in second if message.partition != first[-2].partition)
    records, verdicts = chain.answer("edge")
    once = answer(batches)
    assert records == sorted(once[0] * 2)
    assert verdicts == once[1]  # the same ids, and so the same verdicts


def test_a_new_run_without_an_end_goes_on(batches: list[HeaderBatch]) -> None:
    """As when a producer was killed and its successor could not know where it was."""
    sent = publication(batches, "edge", 2)
    half = len(sent) // 2
    counts = [sum(message.partition == number for message in sent[:half]) for number in range(2)]
    rest = [
        changed(
            message, run="later", sequence=Envelope.from_headers(message.headers).sequence - counts[message.partition]
        )
        for message in sent[half:]
    ]
    chain = Chain(2)
    chain.take([*sent[:half], *rest])
    assert chain.answer("edge") == answer(batches)


def test_sensors_do_not_see_each_other(batches: list[HeaderBatch]) -> None:
    chain = Chain(2)
    one, two = publication(batches, "one", 2), publication(batches[:20], "two", 2)
    chain.take(one[:7])
    chain.take(two)
    chain.take(one[7:])
    assert chain.answer("one") == answer(batches)
    assert chain.answer("two") == answer(batches[:20])


def test_what_cannot_be_used_is_refused_and_changes_nothing(batches: list[HeaderBatch]) -> None:
    sent = publication(batches, "edge", 1)
    good = sent[3]
    bad = {
        "no schema version": Sent(0, b"edge", good.value, []),
        "schema version 99": Sent(0, b"edge", good.value, [("wv-schema", b"99"), good.headers[1]]),
        "unreadable envelope": Sent(0, b"edge", good.value, [good.headers[0], ("wv", b"{")]),
        "Arrow": Sent(0, b"edge", good.value[: len(good.value) // 2], good.headers),
        "Arrow ": Sent(0, b"edge", b"garbage", good.headers),
    }
    chain = Chain(1)
    chain.take(sent[:3])
    for reason, message in bad.items():
        with pytest.raises(BadMessage, match=reason.strip()):
            chain.connections[0].apply(message.incoming(3))
    chain.take(sent[3:])
    assert chain.answer("edge") == answer(batches)


def test_a_batch_from_the_future_is_refused(batches: list[HeaderBatch]) -> None:
    (message, *_) = publication(batches, "edge", 1)
    clock = Envelope.from_headers(message.headers).clock
    chain = Chain(1)
    late = message.incoming(0)._replace(timestamp=clock // 1_000_000 - 3_700_000)
    with pytest.raises(BadMessage, match="the clock of edge is wrong"):
        chain.connections[0].apply(late)
    chain.connections[0].apply(late._replace(timestamp=clock // 1_000_000 - 3_500_000))
    assert chain.connections[0].lines["edge"].next == 1


def test_a_partition_that_the_sensor_does_not_know_is_refused(batches: list[HeaderBatch]) -> None:
    chain = Chain(2)
    message = changed(publication(batches, "edge", 2)[0], partitions=1)
    with pytest.raises(BadMessage, match="knows 1 partitions, in partition 1"):
        chain.connections[1].apply(message.incoming(0))


def test_ticks_alone_close_nothing_and_an_end_closes_everything() -> None:
    envelopes = [Envelope("quiet", "r", n, kind, n * 10**9, 1) for n, kind in enumerate((Kind.TICK, Kind.END))]
    chain = Chain(1)
    chain.take(Sent(0, b"quiet", b"", envelope.to_headers()) for envelope in envelopes)
    assert chain.answer("quiet") == ([], [])
    assert chain.verdicts.open == 0
    assert chain.connections[0].open == 0


def test_what_messages_cause_may_be_made_long_after_they_were_applied(batches: list[HeaderBatch]) -> None:
    chain, later = Chain(2), []
    for offset, message in enumerate(publication(batches, "edge", 2)):
        later.append(chain.connections[message.partition].apply(message.incoming(offset)))
    for outputs in later:
        for output in outputs():
            chain.sent.append(output)
            if output.topic is Topic.WINDOWS:
                chain.hand_over(output)
    assert chain.answer("edge") == answer(batches)
    assert sum(outputs is nothing for outputs in later) > 0


def test_nothing_is_kept_of_what_was_sent(batches: list[HeaderBatch]) -> None:
    """Not even until somebody looks for rings of objects: records and windows are large."""
    chain, kept = Chain(1), []
    gc.disable()
    try:
        for offset, message in enumerate(publication(batches, "edge", 1)):
            outputs = chain.connections[0].apply(message.incoming(offset))
            if outputs is not nothing:
                kept.append(weakref.ref(outputs.__self__))  # type: ignore[attr-defined]
            outputs()
        del outputs
        assert [ref() for ref in kept] == [None] * len(kept) != []
    finally:
        gc.enable()


def test_messages_may_be_prepared_before_those_before_them_are_applied(batches: list[HeaderBatch]) -> None:
    chain = Chain(1)
    sent = [message.incoming(offset) for offset, message in enumerate(publication(batches, "edge", 1))]
    prepared = [chain.connections[0].prepare(message) for message in sent]
    assert len({id(each.space) for each in prepared if each.space is not None}) == sum(
        each.space is not None for each in prepared
    )
    for message, each in zip(sent, prepared, strict=True):
        for output in chain.connections[0].apply(message, each)():
            chain.sent.append(output)
            if output.topic is Topic.WINDOWS:
                chain.hand_over(output)
    assert chain.answer("edge") == answer(batches)
