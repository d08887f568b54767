"""Windows to verdicts, and the judge's memory."""

from __future__ import annotations

import itertools
from pathlib import Path

import orjson

from producers.timeline import open_timeline
from tests.detectors.others import finding, saying
from wireverdict import compose
from wireverdict.alerts import Alerts, AlertSettings
from wireverdict.detectors.guard import Guard
from wireverdict.judge import ERROR, Judge
from wireverdict.settings import Settings
from wireverdict.verdicts import Finding, Verdict
from wireverdict.windows.part import WindowPart
from wireverdict.windows.view import WindowView

DEMO = Path(__file__).resolve().parents[1] / "demo" / "dns-outage.pcap.gz"


def parts() -> list[WindowPart]:
    made = compose.pipeline(Settings())
    shard = compose.shard(Settings(), 1)
    for frames in open_timeline([str(DEMO)], batch=4096):
        shard.feed(made.decoder.decode(frames))
    shard.finish()
    return [item for item in shard.take() if isinstance(item, WindowPart)]


def test_a_judge_restored_after_any_window_says_the_same() -> None:
    settings = Settings()
    home = compose.merge(settings, 1).home
    judge, whole = compose.judge(settings), list[Verdict]()
    for part in parts():
        whole += judge.step(part.view(home))
    whole += judge.finish()
    assert {verdict.rule for verdict in whole} >= {"dns-loss"}
    judge, said = compose.judge(settings), list[Verdict]()
    for part in parts():
        said += judge.step(part.view(home))
        state = orjson.loads(orjson.dumps(judge.dump()))
        judge = compose.judge(settings)
        judge.load(state)
    said += judge.finish()
    assert [verdict.to_json() for verdict in said] == [verdict.to_json() for verdict in whole]


def test_a_detector_that_is_new_starts_afresh_and_one_that_is_gone_is_forgotten() -> None:
    judge = compose.judge(Settings())
    state = judge.dump()
    state["detectors"]["gone"] = {}
    del state["detectors"]["dns-loss"]
    fresh = compose.judge(Settings())
    fresh.load(state)
    assert fresh.dump() == judge.dump()


def views() -> list[WindowView]:
    home = compose.merge(Settings(), 1).home
    return [part.view(home) for part in parts()]


def with_broken(windows: set[int]) -> Judge:
    """The judge of all detectors and of one that finds every window bad and breaks in some, by place."""
    seen = itertools.count()

    def say(view: WindowView) -> list[Finding]:
        if next(seen) in windows:
            raise KeyError("x")
        return [finding(view)]

    return Judge([*compose.judge(Settings()).detectors, Guard(saying(say))], Alerts(AlertSettings()))


def test_a_detector_that_breaks_takes_nothing_with_it() -> None:
    judge = with_broken(set(range(4, 10)))
    said = [verdict for view in views() for verdict in judge.step(view)] + judge.finish()
    usual = compose.judge(Settings())
    wanted = [verdict for view in views() for verdict in usual.step(view)] + usual.finish()
    assert [verdict for verdict in said if verdict.rule not in (ERROR, "busy-window")] == wanted
    # what it had found stays open for minutes of failure, and nothing is made of them
    assert [(verdict.rule, verdict.step) for verdict in said if verdict.rule == "busy-window"] == [
        ("busy-window", "fired")
    ]
    (told,) = [verdict for verdict in said if verdict.rule == ERROR]
    assert told.step == "fired"
    assert "busy-window: KeyError: 'x' (others.py, line " in told.evidence["summary"]
    assert judge.failures == {"busy-window": 6}
    assert [name for name, _ in judge.news()] == ["busy-window"] * 6
    assert judge.news() == []


def test_a_failure_that_ends_is_resolved_and_counts_survive_a_restart() -> None:
    judge, said = with_broken({2, 3}), list[Verdict]()
    for place, view in enumerate(views()):
        said += judge.step(view)
        if place == 2:
            state = orjson.loads(orjson.dumps(judge.dump()))
            judge.load(state)
    assert [(v.step, v.evidence["windows"]) for v in said if v.rule == ERROR] == [("fired", 1), ("resolved", 2)]
    assert judge.dump()["failures"] == {"total": {"busy-window": 2}, "since": 0}


def test_memory_that_cannot_be_taken_up_is_told_in_the_next_window() -> None:
    judge = with_broken(set())
    state = judge.dump()
    state["detectors"]["busy-window"] = {"state": {}}
    judge.load(state)
    said = judge.step(views()[0])
    assert ["cannot take up its memory" in verdict.evidence.get("summary", "") for verdict in said] == [False, True]
