"""What a worker counts, for Prometheus, and what it says in its log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.messages import Incoming, Outgoing
from wireverdict.bus import Topic

LOG = logging.getLogger("wireverdict.stream")
AGAIN = 600.0
"""s until it is said again that a detector breaks."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one worker. Those of Kafka topics carry the label `topic` without the prefix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "wireverdict_stream_messages", "Messages applied.", ["topic", "kind"], registry=self.registry
        )
        self.received = Counter(
            "wireverdict_stream_bytes", "Bytes of messages applied.", ["topic"], registry=self.registry
        )
        self.sent = Counter("wireverdict_stream_sent_messages", "Messages sent.", ["topic"], registry=self.registry)
        self.headers = Counter("wireverdict_stream_headers", "Packet headers tracked.", registry=self.registry)
        self.records = Counter("wireverdict_stream_records", "Connection records made.", registry=self.registry)
        self.duplicates = Counter(
            "wireverdict_stream_duplicate_messages", "Left out: had before.", ["topic"], registry=self.registry
        )
        self.lost = Counter(
            "wireverdict_stream_lost_batches", "Batches that never came.", ["sensor", "reason"], registry=self.registry
        )
        self.expired_ = Counter(
            "wireverdict_stream_expired_messages", "Gone before they were read.", ["topic"], registry=self.registry
        )
        self.dead = Counter(
            "wireverdict_stream_dead_letters", "Messages that cannot be used.", ["topic"], registry=self.registry
        )
        self.verdicts = Counter(
            "wireverdict_stream_verdicts", "Verdicts told.", ["detector", "status"], registry=self.registry
        )
        self.detector_errors = Counter(
            "wireverdict_stream_detector_errors",
            "Windows in which a detector that is not ours broke.",
            ["detector"],
            registry=self.registry,
        )
        self.size = Gauge(
            "wireverdict_stream_checkpoint_bytes",
            "Size of the last snapshot.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.saving = Histogram(
            "wireverdict_stream_checkpoint_seconds", "To write one.", ["topic"], buckets=SECONDS, registry=self.registry
        )
        self.copying = Histogram(
            "wireverdict_stream_checkpoint_copy_seconds",
            "For which a partition stands still for one.",
            ["topic"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.restoring = Histogram(
            "wireverdict_stream_restore_seconds", "To restore all.", ["topic"], buckets=SECONDS, registry=self.registry
        )
        self.clocks: dict[str, int] = {}
        self._broken: dict[str, tuple[float, int]] = {}  # when it was last said, and windows since

    def took(self, topic: Topic, message: Incoming, outputs: Sequence[Outgoing]) -> None:
        """A message was applied."""
        self.received.labels(topic).inc(len(message.value))
        for output in outputs:
            self.sent.labels(output.topic).inc()

    def bad(self, topic: Topic, message: Incoming, reason: str) -> None:
        """A message went to the dead letters."""
        self.dead.labels(topic).inc()
        LOG.warning(
            "dead letter",
            extra={"topic": str(topic), "partition": message.partition, "offset": message.offset, "reason": reason},
        )

    def detector_failed(self, detector: str, error: str) -> None:
        """A detector of others broke in a window. It may do so in every window of every sensor: that is said at once, and then
        every so often, with the number of windows since."""
        self.detector_errors.labels(detector).inc()
        said, windows = self._broken.get(detector, (-AGAIN, 0))
        now = time.monotonic()
        if now - said >= AGAIN:
            LOG.error("a detector broke", extra={"detector": detector, "error": error, "windows": windows + 1})
            said, windows = now, -1
        self._broken[detector] = said, windows + 1

    def expired(self, topic: Topic, partition: int, missed: int) -> None:
        """Retention took messages before they were read."""
        self.expired_.labels(topic).inc(missed)
        LOG.warning("messages expired unread", extra={"topic": str(topic), "partition": partition, "messages": missed})

    def saved(self, topic: Topic, partition: int, size: int, seconds: float, copied: float) -> None:
        """A snapshot is durable; copying the state took `copied` s."""
        self.copying.labels(topic).observe(copied)
        self.size.labels(topic, partition).set(size)
        self.saving.labels(topic).observe(seconds)

    def restored(self, topic: Topic, seconds: float, partitions: int) -> None:
        """Partitions were taken up."""
        self.restoring.labels(topic).observe(seconds)
        LOG.info("restored", extra={"topic": str(topic), "partitions": partitions, "seconds": round(seconds, 3)})

    def event(self, what: str, **details: Any) -> None:
        """Something worth a line in the log."""
        LOG.warning(what, extra=details)

    def watch(
        self, name: str, text: str, labels: Sequence[str], read: Callable[[], Iterable[tuple[Sequence[str], float]]]
    ) -> None:
        """A gauge that is read when it is asked for."""
        self.registry.register(_Read(name, text, labels, read))

    def delays(self) -> Mapping[str, float]:
        """Seconds from each sensor's clock to now."""
        now = time.time()
        return {sensor: now - clock / 1e9 for sensor, clock in self.clocks.copy().items()}


class _Read(Collector):
    def __init__(
        self, name: str, text: str, labels: Sequence[str], read: Callable[[], Iterable[tuple[Sequence[str], float]]]
    ) -> None:
        self._name, self._text, self._labels, self._read = name, text, labels, read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in self._read():
            family.add_metric(list(labels), value)
        yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [GaugeMetricFamily(self._name, self._text, labels=self._labels)]
