"""What sinks count."""

from __future__ import annotations

from prometheus_client import generate_latest

from sinks.metrics import Metrics


def test_sinks_are_told_apart() -> None:
    metrics = Metrics()
    metrics.delivered.labels("webhook", "verdict").inc(3)
    metrics.up.labels("elasticsearch").set(1)
    text = generate_latest(metrics.registry).decode()
    assert 'wireverdict_sink_delivered_documents_total{kind="verdict",sink="webhook"} 3.0' in text
    assert 'wireverdict_sink_up{sink="elasticsearch"} 1.0' in text
