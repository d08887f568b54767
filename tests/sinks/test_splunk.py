"""Splunk's HTTP Event Collector."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sinks.base import Sink
from sinks.splunk import Splunk
from tests.sinks.conformance import SECRET, HttpConformance
from tests.sinks.made import verdict_document
from tests.sinks.pagers import SplunkService
from wireverdict.sinking import SplunkSettings


def sink_for(url: str) -> Sink:
    return Splunk(SplunkSettings(url=url, token=SECRET, timeout=1.0, connections=True))


@pytest.fixture
def stage() -> Iterator[SplunkService]:
    made = SplunkService(sink_for)
    yield made
    made.front.close()


class TestSplunk(HttpConformance):
    pass


def test_an_event_holds_the_document_as_it_is(stage: SplunkService) -> None:
    sink = Splunk(SplunkSettings(url=stage.front.url, token=SECRET, index="net"))
    sink.open()
    document = verdict_document(0)
    sink.write([document])
    (event,) = stage.state.values()
    assert event["event"] == document.value()
    assert (event["time"], event["host"], event["index"]) == (1_700_000_010.0, "gw", "net")
    assert event["sourcetype"] == "wireverdict:verdict"
    sink.close()


def test_without_a_token_it_does_not_start() -> None:
    with pytest.raises(ValueError, match="token"):
        Splunk(SplunkSettings())
