"""Alertmanager's API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sinks.alertmanager import Alertmanager
from sinks.base import Sink
from tests.sinks.conformance import HttpConformance
from tests.sinks.made import verdict_document
from tests.sinks.pagers import AlertmanagerService
from wireverdict.sinking import AlertmanagerSettings


def sink_for(url: str) -> Sink:
    return Alertmanager(AlertmanagerSettings(url=url, timeout=1.0))


@pytest.fixture
def stage() -> Iterator[AlertmanagerService]:
    made = AlertmanagerService(sink_for)
    yield made
    made.front.close()


class TestAlertmanager(HttpConformance):
    pass


def test_an_alert_lasts_until_it_is_resolved_or_forgotten(stage: AlertmanagerService) -> None:
    sink = Alertmanager(AlertmanagerSettings(url=stage.front.url, hold=3600.0), now=lambda: 1_700_001_000.0)
    sink.open()
    sink.write([verdict_document(0)])
    (alert,) = stage.state.values()
    assert (alert["startsAt"], alert["endsAt"]) == ("2023-11-14T22:13:20Z", "2023-11-14T23:30:00Z")
    assert alert["labels"]["alertname"] == "dns-loss"
    sink.write([verdict_document(0, "resolved", 9)])
    (ended,) = stage.state.values()
    assert ended["endsAt"] == "2023-11-14T22:30:00Z"
    assert ended["labels"] == alert["labels"]
    sink.close()
