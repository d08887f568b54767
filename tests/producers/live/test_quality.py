from __future__ import annotations

import logging
import time

import pytest

from producers.live import interfaces
from producers.live import quality as module
from producers.live.quality import Quality
from producers.live.source import Counters
from producers.metrics import Metrics
from wireverdict.live import LiveSettings
from wireverdict.sampling import Sampler


class Source:
    """Counts what a test says."""

    interfaces = ("eth0",)

    def __init__(self) -> None:
        self.now = Counters()

    def counters(self) -> Counters:
        return self.now


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, one list for all clocks."""
    at = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: at[0])
    monkeypatch.setattr(time, "time_ns", lambda: round(at[0] * 1e9))
    monkeypatch.setattr(module, "_cpu", lambda: 0.0)
    monkeypatch.setattr(interfaces, "lost", lambda name: {})
    return at


def made(source: Source, **settings: float) -> Quality:
    return Quality(source, Sampler(), LiveSettings(**settings), Metrics())  # type: ignore[arg-type]


def test_drops_are_told_when_the_clock_has_come_to_them(clocks: list[float]) -> None:
    source = Source()
    quality = made(source)
    for second, dropped in ((1_001, 5), (1_002, 5), (1_003, 9)):
        clocks[0] = second
        source.now = Counters(dropped=dropped, broken=1)
        quality.look()
    told = [quality.drops(second * 10**9) for second in (1_000, 1_001, 1_002, 1_003, 1_004)]
    assert told == [{}, *[{"kernel": 5, "unreadable": 1}] * 2, *[{"kernel": 9, "unreadable": 1}] * 2]


def test_processor_time_is_known_finer_than_by_ticks() -> None:
    """A bound of a hundredth of a core must not be passed over because less than a tick went by in most looks."""
    seen = {module._cpu()}
    until = time.process_time() + 0.004
    while time.process_time() < until:
        seen.add(module._cpu())
    assert max(seen) - min(seen) > 0.002
    assert len(seen) > 10


def test_a_look_is_taken_when_it_is_time(clocks: list[float]) -> None:
    source = Source()
    quality = made(source)
    source.now = Counters(received=7)
    clocks[0] += 0.1
    quality.look()
    assert quality.counters == Counters()
    quality.look(final=True)
    assert quality.counters.received == 7


def test_drops_are_logged_at_once_and_then_now_and_then(clocks: list[float], caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    quality = made(source, least_share=1.0)
    said = []
    for step in range(60):
        clocks[0] += 0.5
        source.now = Counters(dropped=10 * (step + 1))
        caplog.clear()
        quality.look()
        said.append(sum("kernel dropped" in record.getMessage() for record in caplog.records))
    assert [step for step, many in enumerate(said) if many] == [0, 20, 40]
    caplog.clear()
    quality.look(final=True)
    assert "dropped 190 packets, 600 since the start" in caplog.text


def test_pressure_makes_the_share_smaller_and_metrics_say_so(
    clocks: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    source = Source()
    quality = made(source)
    source.now = Counters(received=100, fill=0.8, freezes=2)
    for _ in range(2):
        clocks[0] += 1
        quality.look()
    assert quality.sampler.share == 0.5
    assert "packets of 0.5 of all address pairs" in caplog.text
    value = quality.metrics.registry.get_sample_value
    assert value("wireverdict_capture_sampling") == 0.5
    assert value("wireverdict_capture_ring_fill") == 0.8
    assert value("wireverdict_capture_freezes") == 2
    assert quality.told() == {"received": 100, "freezes": 2, "fill_percent": 80}


def test_what_the_interface_lost_is_evidence(
    clocks: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"rx_missed_errors": 3}
    monkeypatch.setattr(interfaces, "lost", lambda name: dict(found))
    quality = made(Source())
    clocks[0] += 11
    quality.look()
    assert caplog.text == ""
    found |= {"rx_missed_errors": 5, "conntrack_allowance_exceeded": 2}
    clocks[0] += 11
    quality.look()
    assert "eth0 itself lost packets: conntrack_allowance_exceeded 2, rx_missed_errors 2" in caplog.text
    labels = {"interface": "eth0", "counter": "rx_missed_errors"}
    assert quality.metrics.registry.get_sample_value("wireverdict_capture_interface_lost", labels) == 5
    assert quality.told() == {"interface_drops": 7}
    assert quality.drops(10**18) == {}
