"""Several judges at the price of one: the same verdicts as each by itself, and each detector asked once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from producers.recorded.fleet import Fleet
from producers.recorded.source import open_source
from wireverdict import compose, snapshot
from wireverdict.backtest.configs import with_value
from wireverdict.backtest.panel import KEPT, Panel, Shared
from wireverdict.settings import Settings
from wireverdict.verdicts import Finding, Opinion, Subject
from wireverdict.windows.view import WindowView

DEMO = Path(__file__).resolve().parents[2] / "demo" / "dns-outage.pcap.gz"
DEFAULT = Settings()
OTHERS = [
    DEFAULT,
    with_value(DEFAULT, "detectors.dns_loss.min_attempts", 400),
    with_value(DEFAULT, "alerts.good_windows", 1),
    with_value(DEFAULT, "detectors.off", ["throttling-ratio"]),
]


@cache
def views() -> list[WindowView]:
    fleet = Fleet(DEFAULT)
    items = [item for part in open_source([str(DEMO)], DEFAULT) for item in fleet.feed(part)]
    return [item.what for item in [*items, *fleet.finish()] if isinstance(item.what, WindowView)]


def told(settings: Settings) -> list[dict[str, Any]]:
    judge = compose.judge(settings)
    said = [verdict for view in views() for verdict in judge.step(view)]
    return [verdict.to_json() for verdict in [*said, *judge.finish()]]


def test_everybody_says_what_they_would_say_alone() -> None:
    panel = Panel(OTHERS)
    said: list[list[Any]] = [[] for _ in OTHERS]
    for view in views():
        for mine, step in zip(said, panel.step(view), strict=True):
            mine += step
    for mine, step in zip(said, panel.finish(), strict=True):
        mine += step
    found = [[verdict.to_json() for verdict in mine] for mine in said]
    assert found == [told(settings) for settings in OTHERS]
    assert len({len(mine) for mine in found}) > 1


def test_detectors_that_are_the_same_judge_once() -> None:
    assert len(Panel([DEFAULT] * 20).detectors) == len(compose.detectors(DEFAULT.detectors))
    points = [with_value(DEFAULT, "detectors.dns_loss.min_attempts", 20 + number) for number in range(20)]
    assert len(Panel(points).detectors) == len(compose.detectors(DEFAULT.detectors)) + 19


def test_looks_are_those_of_subjects_that_were_ever_bad() -> None:
    panel = Panel(OTHERS, remember=True)
    for view in views():
        panel.step(view)
    looks = panel.looks(0)
    assert {look.rule for look in looks} == {"dns-loss", "throttling-ratio"}
    assert {look.opinion for look in looks} >= {"bad", "good"}
    assert looks == sorted(looks, key=lambda look: look.at)
    assert {look.rule for look in panel.looks(3)} == {"dns-loss"}
    assert Panel(OTHERS).looks(0) == []


def test_one_that_was_restored_goes_on_as_the_first_would_have() -> None:
    for cut in (1, 5, len(views()) - 1):
        whole, first, second = (Panel(OTHERS, remember=True) for _ in range(3))
        said = [whole.step(view) for view in views()]
        for view in views()[:cut]:
            first.step(view)
        second.load(snapshot.unpack(snapshot.pack(first.dump())))
        assert [second.step(view) for view in views()[cut:]] == said[cut:]
        assert [second.looks(number) for number in range(4)] == [whole.looks(number) for number in range(4)]
        assert second.left_out == whole.left_out


class Sayer:
    """A detector that says the same of many, or breaks."""

    name = "sayer"

    def __init__(self, many: int) -> None:
        self.many, self.asked = many, 0

    def judge(self, view: WindowView) -> list[Finding]:
        self.asked += 1
        if not self.many:
            raise RuntimeError("broken")
        subjects = (Subject(f"192.0.2.{number}") for number in range(self.many))
        return [Finding("sayer", subject, Opinion.BAD, view.start, view.end) for subject in subjects]

    def dump(self) -> dict[str, Any]:
        return {"asked": self.asked}

    def load(self, state: dict[str, Any]) -> None:
        self.asked = state["asked"]


def test_memory_is_bounded_and_what_is_left_out_counted() -> None:
    shared = Shared(Sayer(KEPT - 5), remember=True)
    for view in views()[:2]:
        shared.judge(view)
    assert len(shared.heard) == KEPT
    assert shared.left_out == KEPT - 10


def test_everybody_meets_the_same_error_and_the_detector_is_asked_once() -> None:
    inner = Sayer(0)
    shared = Shared(inner, remember=True)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            shared.judge(views()[0])
    assert inner.asked == 1


def test_state_is_that_of_the_detector() -> None:
    one, other = Shared(Sayer(1), remember=False), Shared(Sayer(1), remember=False)
    one.judge(views()[0])
    other.load(one.dump())
    assert other.dump() == {"asked": 1}
