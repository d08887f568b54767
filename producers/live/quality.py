"""What a live capture could not take: counted, logged when it changes, and told with the batches that it concerns."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Protocol

from producers.live import interfaces
from producers.live.source import Counters
from producers.metrics import Metrics
from wireverdict.live import LiveSettings
from wireverdict.sampling import Governor, Sampler

LOG = logging.getLogger("wireverdict.live")
EVERY = 0.25
"""s between looks."""
REPEAT = 10.0
"""s between lines about drops that go on, and between looks at what interfaces count."""


class Source(Protocol):
    """What is asked of a LiveSource."""

    interfaces: tuple[str, ...]

    def counters(self) -> Counters:
        """What was counted so far."""
        ...


class Quality:
    """Looks at a source now and then, and says how many address pairs are to be taken.

    A drop is known some time before the packets around it have been decoded. `drops` gives what was lost up to a time of the
    sensor's clock, so that the message that says it comes when that time has.
    """

    def __init__(self, source: Source, sampler: Sampler, settings: LiveSettings, metrics: Metrics) -> None:
        self.source, self.sampler, self.settings, self.metrics = source, sampler, settings, metrics
        self.counters = Counters()
        self._governor = Governor(settings.least_share, settings.cpu)
        self._readings: list[tuple[int, dict[str, int]]] = [
            (0, {})
        ]  # since which clock (ns), what was lost up to there
        self._lost: dict[str, dict[str, int]] = {}
        self._looked = self._seen = time.monotonic()
        self._cpu = _cpu()
        self._said = -REPEAT
        self._untold = 0
        if settings.interface_counters:
            self._lost = {name: interfaces.lost(name) for name in source.interfaces}

    def look(self, *, final: bool = False) -> None:
        """Bring everything up to date if it is time, or if this is the last look."""
        now, before = time.monotonic(), self.counters
        passed = now - self._looked
        if passed < EVERY and not final:
            return
        self.counters = counters = self.source.counters()
        dropped = counters.dropped - before.dropped
        lost = {"kernel": counters.dropped, "unreadable": counters.broken}
        lost = {reason: count for reason, count in lost.items() if count}
        if lost != self._readings[-1][1]:
            self._readings.append((time.time_ns(), lost))
        self._say(dropped, now, final)
        cpu = _cpu()
        share = self._governor.look(counters.fill, dropped, (cpu - self._cpu) / passed if passed else 0.0)
        self._looked, self._cpu = now, cpu
        if share != self.sampler.share:
            LOG.warning(
                "taking the packets of %s of all address pairs from now on%s",
                f"{share:.3g}",
                "" if share > self.sampler.share else ": the ring fills up, or live.cpu is exceeded",
            )
            self.sampler.share = share
        self._measure()
        if self.settings.interface_counters and (final or now - self._seen > REPEAT):
            self._seen = now
            for name in self.source.interfaces:
                self._interface(name)

    def drops(self, clock: int) -> Mapping[str, int]:
        """Packets lost up to a time (ns) of the sensor's clock, by reason."""
        while len(self._readings) > 1 and self._readings[1][0] <= clock:
            self._readings.pop(0)
        return self._readings[0][1]

    def told(self) -> dict[str, int]:
        """What each batch says of the capture beside its drops: counts since the start, and how full the ring is."""
        counters = self.counters
        told = {
            "received": counters.received,
            "freezes": counters.freezes,
            "fill_percent": round(100 * counters.fill),
            "filtered": counters.filtered,
            "sampled_out": self.sampler.left_out,
            "interface_drops": sum(count for each in self._lost.values() for count in each.values()),
        }
        return {name: count for name, count in told.items() if count}

    def _say(self, dropped: int, now: float, final: bool) -> None:
        """That packets are dropped, at once, and at most every REPEAT seconds while it goes on."""
        self._untold += dropped
        if self._untold and (final or now - self._said >= REPEAT):
            LOG.warning(
                "the kernel dropped %d packets, %d since the start: the ring was full (live.ring, live.workers)",
                self._untold,
                self.counters.dropped,
                extra={"dropped": self._untold, "freezes": self.counters.freezes},
            )
            self._said, self._untold = now, 0

    def _measure(self) -> None:
        metrics, counters = self.metrics, self.counters
        metrics.dropped.labels("kernel").set(counters.dropped)
        metrics.dropped.labels("unreadable").set(counters.broken)
        metrics.dropped.labels("sampled").set(self.sampler.left_out)
        metrics.freezes.set(counters.freezes)
        metrics.ring.set(counters.fill)
        metrics.share.set(self.sampler.share)

    def _interface(self, name: str) -> None:
        """What an interface itself dropped: evidence that packets never came as far as the ring."""
        found, before = interfaces.lost(name), self._lost.get(name, {})
        for counter, count in found.items():
            self.metrics.interface.labels(name, counter).set(count)
        grown = {counter: count - before.get(counter, 0) for counter, count in found.items()}
        grown = {counter: count for counter, count in grown.items() if count > 0}
        if grown:
            listed = ", ".join(f"{counter} {count}" for counter, count in sorted(grown.items()))
            LOG.warning("the interface %s itself lost packets: %s", name, listed, extra={"interface": name, **grown})
        self._lost[name] = found


def _cpu() -> float:
    """s of all threads so far: by the scheduler's clock, since that of os.times stands still for 10 ms, 4 % of a look."""
    return time.process_time()
