"""Verdicts of detectors of others, explained with their code at hand and without."""

from __future__ import annotations

from typing import Any

from tests.detectors.others import Busy
from wireverdict.detectors.registry import provide
from wireverdict.explain.others import explained, numbers
from wireverdict.explain.parts import Check, Explanation
from wireverdict.settings import Settings, settings

EVIDENCE = {"packets": 12, "who": "all", "list": [1]}


class Talking(Busy):
    """Explains itself."""

    name = "talking"

    @staticmethod
    def explain(evidence: dict[str, Any], settings: Any) -> Any:
        """By its own settings."""
        if "odd" in evidence:
            return "odd"
        check = Check(
            "packets", evidence["packets"], "at least", settings.packets, "count", "detectors.talking.packets"
        )
        return Explanation(["Many packets."], [check])


provide("busy", Busy)
provide("talking", Talking)
CHOSEN = settings(plugins=["busy", "talking"])


def test_its_own_explanation() -> None:
    made = explained("talking", EVIDENCE, CHOSEN)
    assert made.rule == ["Many packets."]
    assert [(check.bound, check.met) for check in made.checks] == [(1, True)]


def test_one_that_fails_is_told_and_the_docstring_says_the_rule() -> None:
    made = explained("talking", {}, CHOSEN)
    assert made.rule[0] == "Explains itself."
    assert "Its own explanation failed: KeyError: 'packets'." in made.rule
    assert "Its own explanation is str and no Explanation." in explained("talking", {"odd": 1}, CHOSEN).rule


def test_without_one_the_docstring_the_evidence_and_the_settings() -> None:
    assert explained("busy-window", EVIDENCE, CHOSEN).rule == [
        "A window of many packets is bad.",
        "Its evidence: packets 12, who all.",
        "Its settings: packets = 1, names = ().",
    ]


def test_without_its_code() -> None:
    made = explained("busy-window", EVIDENCE, Settings())
    assert made.rule[0].startswith("busy-window is a detector that this command does not know: name it (--detector)")
    assert made.rule[1] == numbers(EVIDENCE) == "Its evidence: packets 12, who all."
    assert numbers({}) == "It gave no evidence."
