"""Holds what wireverdict says of a lab capture against what the scenario expects."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from producers.timeline import open_timeline
from tests.lab.scenario import Scenario
from wireverdict.compose import pipeline
from wireverdict.records import CONNECTION
from wireverdict.settings import Settings
from wireverdict.verdicts import Status, Verdict

WIDTH = 10.0
"""s of a window."""
SHORT_WIDTH = 5.0
"""The same for short forms."""
FIRES, RESOLVES = 2, 3
"""Windows after the one in which the fault began (ended) until it is told that it is there (over)."""


@dataclass(slots=True)
class Analysis:
    """What came out of one capture."""

    verdicts: list[Verdict] = field(default_factory=list)
    records: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, CONNECTION))

    def fired(self) -> list[Verdict]:
        """The first step of each trouble."""
        return [verdict for verdict in self.verdicts if verdict.step == "fired"]


def analyse(path: Path, width: float = WIDTH, settings: Settings | None = None) -> Analysis:
    """Run a capture through the whole core, as `wireverdict analyze` does."""
    chosen = settings or Settings()
    made = pipeline(msgspec.structs.replace(chosen, windows=msgspec.structs.replace(chosen.windows, width=width)))
    done = Analysis()
    records = []

    def take() -> None:
        for item in made.take():
            if isinstance(item, Verdict):
                done.verdicts.append(item)
            else:
                records.append(item)

    for batch in open_timeline([str(path)]):
        made.feed(batch)
        take()
    made.finish(take)
    take()
    done.records = np.concatenate(records) if records else done.records
    return done


def shortcomings(
    scenario: Scenario,
    view: str,
    truth: dict[str, Any],
    analysis: Analysis,
    width: float = WIDTH,
    *,
    to_the_end: bool = True,
) -> list[str]:
    """Sentences about what is wrong with the verdicts; none if all is as it should be. `to_the_end`: whether the capture is
    long enough for verdicts to be resolved."""

    def window(moment: float) -> int:
        return int(moment // width)

    wrong = []
    wanted = {(expected.rule, *expected.subject()) for expected in scenario.expect if view in expected.seen}
    begun, over = truth["fault_start"], fault_end(truth)
    seen = set()
    for verdict in analysis.fired():
        subject = verdict.subject
        key = (verdict.rule, subject.source_ip, subject.destination_ip, subject.destination_port)
        match = next((w for w in wanted if w[:3] == key[:3] and w[3] in (0, key[3])), None)
        after = window(verdict.at / 1e9 - 0.001) - window(begun)
        text = f"{verdict.rule} about {subject.text() or 'the capture'}"
        if after < 0:
            wrong.append(f"{text} fired before the fault")
        elif match is None and verdict.rule not in scenario.also:
            wrong.append(f"{text} fired, which nothing explains")
        elif match is not None:
            seen.add(match)
            if after > FIRES:
                wrong.append(f"{text} fired {after} windows after the fault's beginning")
        if not to_the_end or (match is None and verdict.rule not in scenario.also):
            continue
        ends = [v.at for v in analysis.verdicts if v.incident == verdict.incident and v.status is Status.RESOLVED]
        if not ends:
            wrong.append(f"{text} was never resolved")
        elif (late := window(ends[0] / 1e9 - 0.001) - window(over)) > RESOLVES:
            wrong.append(f"{text} was resolved {late} windows after the fault's end")
        elif late < 0:
            wrong.append(f"{text} was resolved {-late} windows before the fault's end")
    wrong += [f"{want} never fired" for want in sorted(wanted - seen)]
    return wrong


def fault_end(truth: dict[str, Any]) -> float:
    """When the fault was over: its rules were gone, and the last byte of its transfers had arrived."""
    lists = [t.get("connections") for t in truth["traffic"] if t["when"] == "fault"]
    rows = [row for found in lists if isinstance(found, list) for row in found]
    return max([float(truth["fault_end"]), *(float(row["ended"]) for row in rows)])
