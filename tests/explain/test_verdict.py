"""Every detector's real verdicts are explained by numbers that agree with them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.explain.real import documents, fired
from wireverdict.compose import detectors
from wireverdict.explain.verdict import RULES, NotAVerdict, explain
from wireverdict.settings import DetectorSettings, Settings

NAMES = [detector.name for detector in detectors(DetectorSettings())]


def test_every_detector_has_its_explanation() -> None:
    assert set(NAMES) <= set(RULES)


@pytest.mark.parametrize("rule", NAMES)
def test_what_the_verdict_hangs_on_holds(rule: str) -> None:
    document = fired(rule)
    made = explain(document, Settings())
    needed = [check for check in made.checks if check.need]
    assert needed
    assert [check.what for check in needed if not check.met] == []
    assert made.rule
    assert made.changes
    assert document["wireverdict"]["remedy"] == made.next_steps[0]


@pytest.mark.parametrize("rule", NAMES)
def test_each_threshold_is_a_setting_with_its_value(rule: str) -> None:
    for check in explain(fired(rule), Settings()).checks:
        value: Any = Settings()
        for part in check.setting.split("."):
            value = getattr(value, part)
        if check.setting != "paths.policing.queue_share":  # of the bucket's depth
            assert check.bound == value


def test_the_severity_agrees() -> None:
    critical = fired("dns-loss")
    checks = {check.what: check for check in explain(critical, Settings()).checks}
    assert critical["wireverdict"]["severity"] == "critical"
    assert checks["the same, for critical"].met


def test_what_is_over_says_so() -> None:
    resolved = next(d for d in documents("dns-throttled.client") if d["wireverdict"]["status"] == "resolved")
    assert explain(resolved, Settings()).next_steps[0].startswith("It is over")


def test_one_verdict_for_many_is_explained_by_the_worst() -> None:
    single = fired("dns-loss")
    many = deepcopy(single)
    worst = {"subject": "198.18.0.2 > port 53", **single["wireverdict"]["evidence"]}
    many["wireverdict"]["evidence"] = {"subjects": 12, "examples": ["a", "b", "c", "d"], "worst": worst}
    made = explain(many, Settings())
    assert made.checks == explain(single, Settings()).checks
    assert any("stands for 12 subjects (a, b, c …)" in text for text in made.rule)


def test_a_detector_of_others_is_told_by_its_evidence() -> None:
    other = deepcopy(fired("zero-window"))
    other["rule"]["id"] = "jitter"
    made = explain(other, Settings())
    assert made.checks == []
    assert "stalled_ms" in made.rule[1]


def test_where_segments_were_lost_is_told() -> None:
    lost = deepcopy(fired("retransmission-storm"))
    sentence = "132 of 140 lost segments between sensor client and sensor server, 8 unknown"
    lost["wireverdict"]["evidence"]["loss_located"] = sentence
    assert f"Two sensors saw where: {sentence}." in explain(lost, Settings()).rule


def test_a_detector_that_breaks_is_told_with_its_error() -> None:
    other = deepcopy(fired("zero-window"))
    other["rule"]["id"] = "detector-error"
    other["wireverdict"]["evidence"] = {"summary": "jitter: KeyError: 'x' (jitter.py, line 3)", "detectors": ["jitter"]}
    made = explain(other, Settings())
    assert made.rule[1] == "jitter: KeyError: 'x' (jitter.py, line 3)."
    assert "(jitter)" in made.rule[0]


def test_a_poor_capture_is_named() -> None:
    poor = deepcopy(fired("dns-loss"))
    poor["wireverdict"]["capture_quality"] = {"missed_share": 0.034, "cut_by_end_of_capture": True}
    changes = explain(poor, Settings()).changes
    assert "The capture missed 3.4% of the data: a better one may say otherwise." in changes
    assert "The capture ends in this window: a longer one may say otherwise." in changes


@pytest.mark.parametrize("wrong", [{}, {"event": {"dataset": "wireverdict.verdict"}}, {"event": []}])
def test_anything_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotAVerdict, match="no verdict"):
        explain(wrong, Settings())


def test_a_connection_is_refused_by_name() -> None:
    with pytest.raises(NotAVerdict, match=r"a document of wireverdict\.connection, not a verdict"):
        explain({"event": {"dataset": "wireverdict.connection"}}, Settings())
