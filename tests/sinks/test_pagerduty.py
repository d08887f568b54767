"""PagerDuty's Events API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sinks.base import Sink
from sinks.pagerduty import PagerDuty
from tests.sinks.conformance import SECRET, HttpConformance
from tests.sinks.made import page_documents
from tests.sinks.pagers import PagerDutyService
from wireverdict.sinking import PagerDutySettings


def sink_for(url: str) -> Sink:
    return PagerDuty(PagerDutySettings(url=f"{url}/v2/enqueue", routing_key=SECRET, timeout=1.0))


@pytest.fixture
def stage() -> Iterator[PagerDutyService]:
    made = PagerDutyService(sink_for)
    yield made
    made.front.close()


class TestPagerDuty(HttpConformance):
    pass


def test_one_trouble_triggers_and_resolves_one_alert(stage: PagerDutyService) -> None:
    sink = stage.sink()
    sink.open()
    triggered, resolved = page_documents(0)
    sink.write([triggered])
    assert list(stage.state.values()) == ["trigger"]
    sink.write([resolved])
    assert list(stage.state.values()) == ["resolve"]
    assert sink.most == 1
    sink.close()


def test_without_a_key_it_does_not_start() -> None:
    with pytest.raises(ValueError, match="routing_key"):
        PagerDuty(PagerDutySettings())
