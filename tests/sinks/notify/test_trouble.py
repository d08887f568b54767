"""What the notifier reads of a verdict."""

from __future__ import annotations

import pytest

from sinks.notify.trouble import seconds, trouble
from tests.sinks.made import verdict_document
from tests.sinks.notify.made import NOW, dns, storm
from wireverdict.verdicts import Subject


def test_of_a_verdict() -> None:
    value = verdict_document(3, evidence={"subjects": 7}, capture_quality={"missed_share": 0.25}).value()
    made = trouble({**value, "labels": {"site": "fra"}}, 5.0)
    assert (made.rule, made.sensor, made.severity, made.firing) == ("dns-loss", "gw", 3, True)
    assert (made.source, made.destination, made.port, made.protocol) == ("192.0.2.4", "", 53, "udp")
    assert (made.start, made.at, made.sent) == (NOW, NOW + 10, 5.0)
    assert (made.subjects, made.missed, made.labels) == (7, 0.25, {"site": "fra"})
    ended = trouble(verdict_document(3, "resolved", 9).value(), 6.0)
    assert (ended.key, ended.incident, ended.firing) == (made.key, made.incident, False)
    assert made.key != dns(3, sensor="other").key


@pytest.mark.parametrize(
    ("made", "service"),
    [
        (dns(0), "dns"),
        (dns(0, rule="throttling-ratio"), "dns"),
        (storm(0), "port 1000"),
        (storm(0, subject=Subject(source_ip="192.0.2.1")), "retransmission-storm"),
        (storm(0, subject=Subject(), rule="capture-loss"), "capture"),
        (storm(0, subject=Subject(), rule="sensor-silence"), "silence"),
    ],
)
def test_services(made: object, service: str) -> None:
    assert made.service == service  # type: ignore[attr-defined]


def test_fields_by_name() -> None:
    made = trouble({**verdict_document(0).value(), "labels": {"site": "fra"}}, 0.0)
    assert [made.field(name) for name in ("sensor", "rule", "source", "label:site", "label:none")] == [
        "gw",
        "dns-loss",
        "192.0.2.1",
        "fra",
        "",
    ]


@pytest.mark.parametrize("value", [{}, {"wireverdict": {}}, {"wireverdict": {"fingerprint": "x"}, "event": {}}])
def test_what_is_no_verdict(value: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        trouble(value, 0.0)


def test_times_have_nanoseconds() -> None:
    assert seconds("2023-11-14T22:13:20.123456789Z") == pytest.approx(1_700_000_000.123456)
