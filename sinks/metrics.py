"""What a sink counts, for Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counters of all sinks of one process, told apart by the label `sink`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made: Any = {"registry": self.registry}
        self.delivered = Counter("wireverdict_sink_delivered_documents", "Accepted.", ["sink", "kind"], **made)
        self.refused = Counter("wireverdict_sink_refused_documents", "Given up, to dead letters.", ["sink"], **made)
        self.skipped = Counter("wireverdict_sink_skipped_messages", "Not for this sink.", ["sink", "reason"], **made)
        self.held_back = Gauge(
            "wireverdict_notify_held_back_troubles", "Incidents that paged nobody, so far.", ["sink", "reason"], **made
        )
        self.pages = Counter("wireverdict_notify_pages", "Told.", ["sink", "step"], **made)
        self.open_pages = Gauge("wireverdict_notify_open_pages", "Now.", ["sink"], **made)
        self.leads = Gauge("wireverdict_notify_leads", "1 where the notifier of a sink runs.", ["sink"], **made)
        self.unreadable = Counter("wireverdict_sink_unreadable_messages", "To dead letters.", ["sink"], **made)
        self.retries = Counter("wireverdict_sink_failed_deliveries", "To be tried again.", ["sink"], **made)
        self.bytes = Counter("wireverdict_sink_delivered_bytes", "Of documents accepted.", ["sink"], **made)
        self.seconds = Histogram(
            "wireverdict_sink_delivery_seconds", "Of one batch.", ["sink"], buckets=SECONDS, **made
        )
        self.waiting = Gauge("wireverdict_sink_waiting_documents", "Read and not delivered.", ["sink"], **made)
        self.lag = Gauge("wireverdict_sink_lag_messages", "Not read yet.", ["sink", "topic", "partition"], **made)
        self.circuit = Gauge(
            "wireverdict_sink_circuit", "0 closed, 1 trying, 2 open: the destination is left alone.", ["sink"], **made
        )
        self.up = Gauge("wireverdict_sink_up", "1 while the sink runs.", ["sink"], **made)
        self.last = Gauge("wireverdict_sink_last_delivery_timestamp_seconds", "Unix time.", ["sink"], **made)
