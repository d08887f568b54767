from __future__ import annotations

import time

import pytest
from prometheus_client import generate_latest

from streams.messages import Incoming, Outgoing
from streams.metrics import Metrics
from wireverdict.bus import Topic

MESSAGE = Incoming(3, 17, 0, b"edge", b"12345", [])


def text(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_what_was_applied_sent_and_refused_is_counted() -> None:
    metrics = Metrics()
    metrics.took(Topic.HEADERS, MESSAGE, [Outgoing(Topic.WINDOWS, b"", b"", [])] * 2)
    metrics.bad(Topic.HEADERS, MESSAGE, "garbage")
    metrics.expired(Topic.WINDOWS, 0, 12)
    said = text(metrics)
    assert 'wireverdict_stream_bytes_total{topic="headers"} 5.0' in said
    assert 'wireverdict_stream_sent_messages_total{topic="windows"} 2.0' in said
    assert 'wireverdict_stream_dead_letters_total{topic="headers"} 1.0' in said
    assert 'wireverdict_stream_expired_messages_total{topic="windows"} 12.0' in said


def test_detectors_that_break_are_counted() -> None:
    metrics = Metrics()
    metrics.detector_failed("jitter", "KeyError: 'x'")
    assert 'wireverdict_stream_detector_errors_total{detector="jitter"} 1.0' in text(metrics)


def test_a_detector_that_always_breaks_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [5.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    metrics = Metrics()
    for _ in range(1_300):
        metrics.detector_failed("jitter", "KeyError: 'x'")
        clock[0] += 1.0
    metrics.detector_failed("other", "ValueError: 7")
    said = [(line.detector, line.windows) for line in caplog.records]  # type: ignore[attr-defined]
    assert said == [("jitter", 1), ("jitter", 600), ("jitter", 600), ("other", 1)]
    assert 'wireverdict_stream_detector_errors_total{detector="jitter"} 1300.0' in text(metrics)


def test_snapshots_are_measured() -> None:
    metrics = Metrics()
    metrics.saved(Topic.HEADERS, 3, 1_000, 0.2, 0.03)
    metrics.restored(Topic.HEADERS, 0.3, 4)
    said = text(metrics)
    assert 'wireverdict_stream_checkpoint_bytes{partition="3",topic="headers"} 1000.0' in said
    assert 'wireverdict_stream_checkpoint_seconds_sum{topic="headers"} 0.2' in said
    assert 'wireverdict_stream_checkpoint_copy_seconds_sum{topic="headers"} 0.03' in said
    assert 'wireverdict_stream_restore_seconds_count{topic="headers"} 1.0' in said


def test_gauges_are_read_when_they_are_asked_for() -> None:
    metrics = Metrics()
    lags = {("headers", "0"): 4.0}
    metrics.watch("wireverdict_stream_lag", "Messages.", ["topic", "partition"], lambda: list(lags.items()))
    assert 'wireverdict_stream_lag{partition="0",topic="headers"} 4.0' in text(metrics)
    lags["headers", "0"] = 5.0
    assert 'wireverdict_stream_lag{partition="0",topic="headers"} 5.0' in text(metrics)


def test_the_delay_of_a_sensor_is_from_its_clock_to_now() -> None:
    metrics = Metrics()
    metrics.clocks["edge"] = time.time_ns() - 5_000_000_000
    assert metrics.delays()["edge"] == pytest.approx(5.0, abs=3.0)
