"""Opsgenie's Alert API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sinks.base import Sink
from sinks.opsgenie import Opsgenie
from tests.sinks.conformance import SECRET, HttpConformance
from tests.sinks.made import page_documents
from tests.sinks.pagers import OpsgenieService
from wireverdict.sinking import OpsgenieSettings


def sink_for(url: str) -> Sink:
    return Opsgenie(OpsgenieSettings(url=url, api_key=SECRET, timeout=1.0))


@pytest.fixture
def stage() -> Iterator[OpsgenieService]:
    made = OpsgenieService(sink_for)
    yield made
    made.front.close()


class TestOpsgenie(HttpConformance):
    pass


def test_one_trouble_opens_and_closes_one_alert(stage: OpsgenieService) -> None:
    sink = stage.sink()
    sink.open()
    triggered, resolved = page_documents(0)
    sink.write([triggered])
    assert list(stage.state.values()) == ["open"]
    sink.write([resolved])
    assert list(stage.state.values()) == ["closed"]
    assert sink.most == 1
    sink.close()


def test_without_a_key_it_does_not_start() -> None:
    with pytest.raises(ValueError, match="api_key"):
        Opsgenie(OpsgenieSettings())
