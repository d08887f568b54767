"""What is sent on: the same headers, marked, numbered as a function of what was read."""

from __future__ import annotations

import orjson
import pytest

from producers.recorded.choice import Choice
from producers.recorded.lines import Lines, Read
from producers.recorded.resend import Resend, own_topics
from producers.recorded.source import SourceError, open_source
from tests.producers.recorded.collected import WITH_QUOTES, everything, kept, story
from wireverdict.bus import MARK, BusSettings
from wireverdict.settings import Settings


def test_what_is_sent_is_what_was_read_and_sent_again_is_the_same() -> None:
    parts = everything(open_source([str(WITH_QUOTES)], Settings(), sensor="far", partitions=3))
    resend = Resend("test", "what")
    sent = [message for part in parts if not part.end for message in resend.messages(part)]
    sent += resend.finish()
    lines = Lines(Choice())
    found = []
    for offset, message in enumerate(sent):
        assert message.headers[-1] == (MARK, b"test")
        found += [kept(part) for part in lines.take(Read(message.partition, offset, message.headers, message.value))]
    assert story(found) == story(parts)
    assert lines.gaps == []
    again = Resend("test", "what")
    half = len(parts) // 2
    first = [message for part in parts[:half] for message in again.messages(part)]
    later = Resend("test", "what")
    later.load(orjson.loads(orjson.dumps(again.dump())))
    rest = [message for part in parts[half:] if not part.end for message in later.messages(part)]
    assert [*first, *rest, *later.finish()] == sent
    assert Resend("test", "else").run != resend.run


@pytest.mark.parametrize("prefix", ["", "wireverdict", "read"])
def test_live_topics_are_refused(prefix: str) -> None:
    with pytest.raises(SourceError, match="never writes into the topics of live data"):
        own_topics(BusSettings(), prefix, 4, "read")
    assert own_topics(BusSettings(), "mine", 4).prefix == "mine"
