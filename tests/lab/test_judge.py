"""The judge of the lab finds what is wrong with verdicts, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.lab.judge import Analysis, fault_end, shortcomings
from tests.lab.scenario import Expected, Scenario, Traffic
from wireverdict.verdicts import Severity, Status, Subject, Verdict

SECOND = 1_000_000_000
TRUTH: dict[str, Any] = {"fault_start": 1005.0, "fault_end": 1035.0, "traffic": []}
SCENARIO = Scenario(about="x.", traffic=(Traffic("x"),), expect=(Expected("dns-loss", "client", seen=("client",)),))
FIRED = Verdict(
    "dns-loss",
    "DNS queries go unanswered",
    Status.FIRING,
    "fired",
    Subject("198.18.0.2", destination_port=53),
    Severity.CRITICAL,
    0.9,
    1005 * SECOND,
    1010 * SECOND,
    1010 * SECOND,
    {},
    {},
    "",
    "",
)
OVER = replace(FIRED, status=Status.RESOLVED, step="resolved", at=1060 * SECOND)


def said(*verdicts: Verdict, scenario: Scenario = SCENARIO, view: str = "client") -> list[str]:
    return shortcomings(scenario, view, TRUTH, Analysis(list(verdicts)))


def test_all_is_well() -> None:
    assert said(FIRED, OVER) == []
    assert said(view="server") == []


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([], "never fired"),
        ([replace(FIRED, at=1040 * SECOND), OVER], "fired 3 windows after the fault's beginning"),
        ([replace(FIRED, at=1000 * SECOND), OVER], "fired before the fault"),
        ([FIRED], "was never resolved"),
        ([FIRED, replace(OVER, at=1080 * SECOND)], "was resolved 4 windows after the fault's end"),
        ([FIRED, replace(OVER, at=1030 * SECOND)], "was resolved 1 windows before the fault's end"),
        ([replace(FIRED, subject=Subject("192.0.2.9"))], "which nothing explains"),
        (
            [FIRED, OVER, replace(FIRED, rule="policing")],
            "policing about 198.18.0.2 > port 53 fired, which nothing explains",
        ),
    ],
)
def test_what_is_wrong_is_said(verdicts: list[Verdict], words: str) -> None:
    assert any(words in text for text in said(*verdicts))


def test_what_may_fire_besides_has_to_end_too() -> None:
    scenario = msgspec.structs.replace(SCENARIO, also={"policing": "why not"})
    more = replace(FIRED, rule="policing")
    assert said(FIRED, OVER, more, scenario=scenario) == ["policing about 198.18.0.2 > port 53 was never resolved"]


def test_a_fault_ends_with_its_transfers() -> None:
    rows = [{"when": "fault", "connections": [{"ended": 1041.5}]}, {"when": "all", "connections": [{"ended": 1090.0}]}]
    assert fault_end(TRUTH | {"traffic": [*rows, {"when": "fault", "connections": 7}]}) == 1041.5
