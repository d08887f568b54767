"""Messages in turn, in range and readable; and all that is missing is counted."""

from __future__ import annotations

import orjson
import pytest

from producers.recorded.choice import Choice
from producers.recorded.lines import Lines, Read
from producers.recorded.source import Recorded
from tests.producers.recorded.collected import DEMO, kept, story
from tests.streams.publishing import Sent, header_batches, publication
from wireverdict.bus import SCHEMA, Envelope, Kind

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    return publication(list(header_batches([DEMO])), "edge", 2)


def take(lines: Lines, messages: list[Sent], *, oldest: bool = False) -> list[Recorded]:
    found = []
    for offset, message in enumerate(messages):
        read = Read(message.partition, offset, message.headers, message.value)
        found += [kept(recorded) for recorded in lines.take(read, oldest=oldest)]
    return found


def test_what_comes_again_counts_once_and_what_never_came_is_told(sent: list[Sent]) -> None:
    one = [message for message in sent if message.partition == 1]
    lines = Lines(Choice())
    whole = take(lines, one)
    assert lines.gaps == []
    lines = Lines(Choice())
    assert story(take(lines, [*one[:30], *one[10:]])) == story(whole)
    assert lines.counts["repeated"] == 20
    lines = Lines(Choice())
    left = take(lines, [*one[:30], *one[33:]])
    assert len(left) == len(whole) - 3
    assert [(gap.kind, gap.many, gap.where) for gap in lines.gaps] == [("hole", 3, "edge, partition 1")]


def test_a_beginning_that_is_gone_is_told_when_it_was_wanted(sent: list[Sent]) -> None:
    one = [message for message in sent if message.partition == 0]
    envelope = Envelope.from_headers(one[20].headers)
    for begin, oldest, gaps in (
        (None, True, [("retention", 20)]),
        (envelope.first - 1, True, [("retention", 20)]),
        (envelope.clock + 1, True, []),
        (None, False, []),  # the reader has chosen to begin there
    ):
        lines = Lines(Choice(begin))
        take(lines, one[20:], oldest=oldest)
        assert [(gap.kind, gap.many) for gap in lines.gaps] == gaps


def test_newer_schemas_and_rubbish_are_counted_apart(sent: list[Sent]) -> None:
    one = [message for message in sent if message.partition == 0]
    newer = [("wv-schema", str(SCHEMA + 1).encode()), one[5].headers[1]]
    older = [("wv-schema", b"0"), one[7].headers[1]]
    spoilt = list(one)
    spoilt[5] = Sent(0, b"edge", one[5].value, newer)
    spoilt[6] = Sent(0, b"edge", b"rubbish", one[6].headers)
    spoilt[7] = Sent(0, b"edge", one[7].value, older)
    spoilt.append(Sent(0, b"edge", b"", []))
    lines = Lines(Choice())
    take(lines, spoilt)
    assert sorted((gap.kind, gap.many) for gap in lines.gaps if gap.kind != "hole") == [
        ("schema", 1),
        ("unreadable", 1),
        ("unreadable", 1),
    ]
    assert [gap.many for gap in lines.gaps if gap.kind == "hole"] == [1]  # the newer one, whose number was not seen
    counted = {name: many for name, many in lines.counts.items() if name.startswith("schema")}
    assert counted == {f"schema_{SCHEMA}": len(one) - 2, f"schema_{SCHEMA + 1}": 1, "schema_0": 1, "schema_none": 1}


def test_the_range_ends_each_partition_at_its_end(sent: list[Sent]) -> None:
    clock = Envelope.from_headers(sent[0].headers).clock
    begin, end = clock + 20 * SECOND, clock + 50 * SECOND
    lines = Lines(Choice(begin, end))
    found = take(lines, sent)
    assert [(part.partition, part.clock.tolist()) for part in found if part.end] == [(0, [end]), (1, [end])]
    for number in (0, 1):
        mine = [part for part in found if part.partition == number]
        assert mine[-1].end
        assert all(begin <= part.clock[0] and part.clock[-1] <= end for part in mine)
    assert lines.span == (begin, end) or lines.span[0] >= begin  # type: ignore[index]
    assert lines.counts["out_of_range"] > 0


def test_another_input_after_the_end_begins_anew(sent: list[Sent]) -> None:
    again = publication(list(header_batches([DEMO])), "edge", 2, run="another")
    lines = Lines(Choice())
    found = take(lines, [*sent, *again])
    assert sum(part.end for part in found) == 4
    once = take(Lines(Choice()), sent)
    assert story(found) == story([*once, *once])


def test_the_end_of_an_input_without_packets_has_no_time(sent: list[Sent]) -> None:
    """Captures without a packet sent such an end once, and topics keep it."""
    lines = Lines(Choice())
    whole = take(lines, sent)
    span = lines.span
    end = Envelope(sensor="empty", run="r", sequence=0, kind=Kind.END, clock=0, partitions=2)
    empty = Sent(0, b"empty", b"", end.to_headers())
    lines = Lines(Choice())
    assert take(lines, [empty]) == []
    assert story(take(lines, [*sent, empty])) == story(whole)
    assert lines.span == span
    assert lines.gaps == []


def test_memory_goes_through_json(sent: list[Sent]) -> None:
    one = [message for message in sent if message.partition == 1]
    whole = take(Lines(Choice()), one)
    lines = Lines(Choice())
    first = take(lines, [*one[:20], *one[22:40]])
    kept_state = orjson.loads(orjson.dumps(lines.dump()))
    lines = Lines(Choice())
    lines.load(kept_state)
    rest = take(lines, one[35:])
    assert len(first) + len(rest) == len(whole) - 2
    assert [(gap.kind, gap.many) for gap in lines.gaps] == [("hole", 2)]
    assert lines.counts["repeated"] == 5
