"""What is said of the lab's captures, and how that hangs on each threshold: tables for docs/detection.md.

The captures are those in tests/lab/captures; `python -m benchmarks.detection_report --write` calls this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from producers.timeline import open_timeline
from tests.lab.judge import WIDTH, Analysis, analyse, fault_end, shortcomings
from tests.lab.scenario import CAPTURES, Scenario, load, names
from wireverdict.alerts import Alerts
from wireverdict.compose import detectors, pipeline
from wireverdict.detectors.base import Detector
from wireverdict.settings import DetectorSettings, Settings
from wireverdict.verdicts import Finding, Status, Verdict
from wireverdict.windows.view import WindowView

VARIED = {
    "dns_loss": ("min_attempts", "warning", "critical", "credible_attempts"),
    "throttling_ratio": ("min_out", "floor", "drop", "critical_drop", "least_windows", "spread", "rate_range"),
    "new_flow_loss": ("min_attempts", "warning_share", "critical_share", "min_peers", "min_established"),
    "retransmission_storm": ("min_retransmissions", "warning_share", "critical_share", "max_missed_share"),
    "zero_window": ("warning_share", "critical_share"),
}
"""Thresholds of detectors that judge windows."""
BLOAT = (
    "load_share",
    "min_load",
    "min_flight",
    "min_seconds",
    "queue_delay",
    "inflation",
    "kappa_low",
    "kappa_high",
    "min_spread",
    "min_order",
)
"""Thresholds of `paths.bufferbloat`."""
QUEUED = ("bufferbloat", "short-queue", "bbr", "shaped", "policed", "busy", "random", "heavy", "route", "thinned")
"""How names of scenarios begin in which queues, or what looks like them, matter."""


class Variant(NamedTuple):
    """A detector with one threshold changed by a factor."""

    detector: str
    threshold: str
    factor: float


@dataclass(slots=True)
class Score:
    """Expected verdicts that came in time, and verdicts that nothing explains."""

    right: int = 0
    wrong: int = 0

    def add(self, scenario: Scenario, view: str, truth: dict[str, Any], verdicts: list[Verdict], rule: str) -> None:
        """One capture's verdicts of one detector."""
        only = tuple(expected for expected in scenario.expect if expected.rule == rule)
        wanted = msgspec.structs.replace(scenario, expect=only)
        said = shortcomings(wanted, view, truth, Analysis(verdicts), to_the_end=False)
        missed = sum(text.endswith(("never fired", "beginning")) for text in said)
        self.wrong += sum("which nothing explains" in text or "before the fault" in text for text in said)
        self.right += sum(view in expected.seen for expected in only) - missed

    def __str__(self) -> str:
        return f"{self.right}, {self.wrong}"


@dataclass(slots=True)
class Variants:
    """Stands as a detector in a pipeline, and lets every variant judge the same windows, each with alerts of its own."""

    made: dict[Variant, tuple[Detector, Alerts]]
    verdicts: dict[Variant, list[Verdict]] = field(default_factory=dict)
    name: str = "variants"

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """Nothing of its own."""
        for variant, (detector, alerts) in self.made.items():
            self.verdicts.setdefault(variant, []).extend(alerts.step(view.start, view.end, list(detector.judge(view))))
        return []

    def finish(self) -> dict[Variant, list[Verdict]]:
        """All that was said."""
        for variant, (_, alerts) in self.made.items():
            self.verdicts.setdefault(variant, []).extend(alerts.finish())
        return self.verdicts

    def dump(self) -> dict[str, Any]:
        """Nothing is kept."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Nothing is kept."""


def changed(settings: Any, name: str, factor: float) -> Any:
    """Settings with one threshold times a factor: whole numbers stay whole, shares below 1."""
    value = getattr(settings, name)
    new = value * factor
    if isinstance(value, int):
        new = max(round(new), 1)
    elif value < 1 <= new:
        new = 0.999
    return msgspec.structs.replace(settings, **{name: new})


def detector_of(variant: Variant) -> Detector:
    """The detector that a variant describes."""
    section = variant.detector
    mine = getattr(DetectorSettings(), section)
    if variant.threshold:
        mine = changed(mine, variant.threshold, variant.factor)
    made = detectors(msgspec.structs.replace(DetectorSettings(), **{section: mine}))
    return next(detector for detector in made if detector.name == section.replace("_", "-"))


def captures() -> Iterator[tuple[Scenario, str, dict[str, Any]]]:
    """Scenario, vantage point and truth of each lab capture."""
    for name in names():
        truth = json.loads((CAPTURES / f"{name}.truth.json").read_text(encoding="utf-8"))
        for view in load(name).views:
            yield load(name), view, truth


def variants() -> list[Variant]:
    """The defaults, and every threshold halved and doubled (a share that cannot be doubled: as far as it goes)."""
    made = []
    for section, thresholds in VARIED.items():
        made.append(Variant(section, "", 1.0))
        made += [Variant(section, threshold, factor) for threshold in thresholds for factor in (0.5, 2.0)]
    return made


def score_windows(chosen: list[Variant]) -> dict[Variant, Score]:
    """All variants of detectors that judge windows, in one pass over the captures."""
    scores = {variant: Score() for variant in chosen}
    for scenario, view, truth in captures():
        made = pipeline(Settings())
        judge = Variants({variant: (detector_of(variant), Alerts()) for variant in chosen})
        made.judge.detectors[:] = [judge]
        for batch in open_timeline([str(CAPTURES / f"{scenario.name}.{view}.pcap.xz")]):
            made.feed(batch)
        made.finish()
        for variant, verdicts in judge.finish().items():
            scores[variant].add(scenario, view, truth, verdicts, variant.detector.replace("_", "-"))
    return scores


def score_bloat(threshold: str, factor: float) -> Score:
    """`bufferbloat` with one of its judge's thresholds changed; "" for the defaults."""
    settings, score = Settings(), Score()
    if threshold:
        judge = changed(settings.paths.bufferbloat, threshold, factor)
        paths = msgspec.structs.replace(settings.paths, bufferbloat=judge)
        settings = msgspec.structs.replace(settings, paths=paths)
    for scenario, view, truth in captures():
        if scenario.name.startswith(QUEUED):
            analysis = analyse(CAPTURES / f"{scenario.name}.{view}.pcap.xz", settings=settings)
            score.add(scenario, view, truth, [v for v in analysis.verdicts if v.rule == "bufferbloat"], "bufferbloat")
    return score


def sensitivity() -> list[list[str]]:
    """Rows: detector, threshold, default, and expected and unexplained verdicts with the default, halved, doubled."""
    scores = score_windows(variants())
    lines = []
    for section, thresholds in VARIED.items():
        rule = section.replace("_", "-")
        for threshold in thresholds:
            told = [scores[Variant(section, threshold, factor)] for factor in (0.5, 2.0)]
            value = getattr(getattr(DetectorSettings(), section), threshold)
            lines.append(
                [rule, f"`{threshold}`", f"{value:g}", str(scores[Variant(section, "", 1.0)]), *map(str, told)]
            )
    usual = str(score_bloat("", 1.0))
    for threshold in BLOAT:
        value = getattr(Settings().paths.bufferbloat, threshold)
        lines.append(
            [
                "bufferbloat",
                f"`{threshold}`",
                f"{value:g}",
                usual,
                *(str(score_bloat(threshold, f)) for f in (0.5, 2.0)),
            ]
        )
    return lines


def told(scenario: Scenario, truth: dict[str, Any], analysis: Analysis) -> str:
    """`dns-loss +1, over +2`: verdicts with the windows from the fault's beginning (end) until they were told."""
    said = []
    for verdict in analysis.fired():
        after = window(verdict.at / 1e9 - 0.001) - window(truth["fault_start"])
        ends = [v.at for v in analysis.verdicts if v.incident == verdict.incident and v.status is Status.RESOLVED]
        over = f", over +{window(ends[0] / 1e9 - 0.001) - window(fault_end(truth))}" if ends else ""
        said.append(f"{verdict.rule} +{after}{over}")
    return "; ".join(sorted(said)) or "–"


def window(moment: float) -> int:
    """The number of the window that a moment is in."""
    return int(moment // WIDTH)


def lab_table() -> list[list[str]]:
    """Rows: scenario, what it is, what is said at the client and at the server."""
    cells: dict[str, list[str]] = {}
    for scenario, view, truth in captures():
        analysis = analyse(CAPTURES / f"{scenario.name}.{view}.pcap.xz")
        cells.setdefault(scenario.name, [f"`{scenario.name}`", scenario.about, "", ""])
        cells[scenario.name][2 if view == "client" else 3] = told(scenario, truth, analysis)
    return list(cells.values())
