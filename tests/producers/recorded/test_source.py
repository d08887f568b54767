"""Which source a name means."""

from __future__ import annotations

import pytest

from producers.recorded.source import Gap, SourceError, open_source
from wireverdict.settings import Settings


@pytest.mark.parametrize("spec", [["archive:/x", "a.pcap"], ["topic:", "archive:/x"], ["topic:", "topic:"]])
def test_topics_and_archives_stand_alone(spec: list[str]) -> None:
    with pytest.raises(SourceError, match="at a time"):
        open_source(spec, Settings())


def test_what_cannot_be_a_choice() -> None:
    with pytest.raises(ValueError, match="not after its beginning"):
        open_source(["a.pcap"], Settings(), begin=5, end=5)
    with pytest.raises(ValueError, match="nonsense"):
        open_source(["a.pcap"], Settings(), addresses=["nonsense"])


def test_gaps_are_told_in_words() -> None:
    assert str(Gap("hole", "edge, partition 3", 1234, "messages", "never came")) == (
        "edge, partition 3: 1,234 messages: never came"
    )
    assert str(Gap("damaged", "a.pcap", 0, "headers", "is cut off")) == "a.pcap: is cut off"
