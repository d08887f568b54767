"""A whole backtest: from what passes brought to scores, differences and a sweep, and the same as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

import wireverdict
from wireverdict.backtest.configs import Config, Varied, varied
from wireverdict.backtest.diff import Difference, differences, rank
from wireverdict.backtest.incidents import Incident, order, severity_name
from wireverdict.backtest.labels import Label
from wireverdict.backtest.panel import Look
from wireverdict.backtest.place import Place
from wireverdict.backtest.score import Held, Score, hold, scores
from wireverdict.backtest.story import Plot
from wireverdict.backtest.sweep import Axis, Swept, conclude, point, rule_of
from wireverdict.verdicts import digest, timestamp

DAY = 86_400_000_000_000
TELLING = 10
"""Differences that the report tells the story of."""


@dataclass
class Source:
    """What was read. Times in ns, `first` and `last` 0 if nothing was. `apart`: places are pieces of time of their own, and
    not sensors that were watched at the same time. `missing`: (kind, where, how many, unit, reason)."""

    spec: list[str]
    apart: bool
    places: list[Place]
    missing: list[tuple[str, str, int, str, str]]
    counts: dict[str, int]
    passes: int
    begin: int | None = None
    end: int | None = None

    @property
    def first(self) -> int:
        """The first header's time."""
        return min((place.first for place in self.places if place.headers), default=0)

    @property
    def last(self) -> int:
        """The last header's time."""
        return max((place.last for place in self.places if place.headers), default=0)

    @property
    def days(self) -> float:
        """What was watched: from the first header to the last; of captures apart, all of them together."""
        if self.apart:
            return sum(place.watched for place in self.places) / DAY
        return max(self.last - self.first, 0) / DAY


@dataclass
class Result:
    """What one configuration said."""

    config: Config
    incidents: list[Incident]
    looks: dict[tuple[str, str], list[Look]]
    held: Held
    scores: list[Score]

    def line(self, rule: str = "") -> Score:
        """The line of the table for all, or of one detector."""
        lines = [line for line in self.scores if line.kind == ("rule" if rule else "all") and line.name == rule]
        return lines[0] if lines else scores([], [], hold([], [], 0), 0)[0]


@dataclass
class Comparison:
    """What the first of two configurations says and the second does not, and so on; `told` are the most interesting ones."""

    a: str
    b: str
    found: list[Difference]
    told: list[Difference]
    plots: list[list[Plot]] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Differences by kind."""
        return {kind: sum(one.kind == kind for one in self.found) for kind in ("only_a", "only_b", "changed")}


@dataclass
class Backtest:
    """See the module. `outside`: labels of places or times that were not read: they are left out."""

    source: Source
    labels: list[Label]
    outside: int
    tolerance: float
    results: list[Result]
    varied: list[Varied]
    comparisons: list[Comparison]
    swept: Swept | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values. Times as RFC 3339, spans in seconds."""
        source = self.source
        return {
            "wireverdict": wireverdict.__version__,
            "source": {
                "read": source.spec,
                "places": [
                    {"name": one.name, "headers": one.headers, "windows": one.windows, **_span(one.first, one.last)}
                    for one in source.places
                ],
                "days": source.days,
                "passes": source.passes,
                "from": None if source.begin is None else timestamp(source.begin),
                "to": None if source.end is None else timestamp(source.end),
                "counts": source.counts,
                "missing": [
                    dict(zip(("kind", "where", "many", "unit", "reason"), one, strict=True)) for one in source.missing
                ],
            },
            "tolerance_seconds": self.tolerance,
            "labels_outside": self.outside,
            "labels": [_label(label) for label in self.labels],
            "varied": msgspec.to_builtins(self.varied),
            "configs": [self._config(result) for result in self.results],
            "comparisons": [
                {
                    "a": one.a,
                    "b": one.b,
                    "counts": one.counts,
                    "differences": [_difference(difference) for difference in one.found],
                    "most_interesting": [one.found.index(_plain(difference)) for difference in one.told],
                }
                for one in self.comparisons
            ],
            "sweep": msgspec.to_builtins(self.swept),
        }

    def _config(self, result: Result) -> dict[str, Any]:
        return {
            "name": result.config.name,
            "scores": msgspec.to_builtins(result.scores),
            "outcomes": msgspec.to_builtins(result.held.outcomes),
            "incidents": [
                {**(_incident(incident) or {}), "fate": fate if self.labels else None}
                for incident, fate in zip(result.incidents, result.held.fate, strict=True)
            ],
        }


def result(
    config: Config, number: int, places: Sequence[Place], labels: Sequence[Label], tolerance: float, days: float
) -> Result:
    """What one configuration said: number `number` of the settings of these places."""
    incidents = sorted((incident for place in places for incident in place.told[number]), key=order)
    looks: dict[tuple[str, str], list[Look]] = {}
    for place in places:
        for look in place.looks[number]:
            looks.setdefault((place.name, look.fingerprint), []).append(look)
    held = hold(labels, incidents, tolerance)
    return Result(config, incidents, looks, held, scores(labels, incidents, held, days))


def compare(results: Sequence[Result], labelled: bool, remembered: bool = True) -> list[Comparison]:
    """The first configuration against each other one. `remembered`: what detectors thought is known."""
    made = []
    for other in results[1:]:
        first = results[0]
        fates = (first.held.fate, other.held.fate) if labelled else None
        looks = (first.looks, other.looks) if remembered else None
        off = first.config.settings.detectors.off, other.config.settings.detectors.off
        found = differences(first.incidents, other.incidents, looks, fates, off)
        made.append(Comparison(first.config.name, other.config.name, found, rank(found, TELLING)))
    return made


def sweep(axes: Sequence[Axis], points: Sequence[tuple[Sequence[float | int], Result]]) -> Swept:
    """The curve of a sweep, from the result of each point."""
    rule = rule_of(axes)
    told = []
    for values, one in points:
        mine = [incident for incident in one.incidents if not rule or incident.rule == rule]
        # what people see change: whom it is about, when they are told, how grave; a threshold moves confidence always
        names = [digest(i.place, i.fingerprint, *map(str, (i.fired, i.resolved, i.severity))) for i in mine]
        told.append(point(values, one.line(rule), names))
    return conclude(axes, told)


def within(labels: Sequence[Label], places: Sequence[Place]) -> list[Label]:
    """Labels that speak of what was read."""
    watched = [place for place in places if place.headers]
    return [label for label in labels if any(label.meets(one.name, one.first, one.last) for one in watched)]


def differing(configs: Sequence[Config]) -> list[Varied]:
    """Settings that differ between configurations."""
    return varied([config.settings for config in configs])


def _plain(difference: Difference) -> Difference:
    return msgspec.structs.replace(difference, interest=0.0)


def _span(first: int, last: int) -> dict[str, Any]:
    return {"first": timestamp(first) if first else None, "last": timestamp(last) if last else None}


def _incident(incident: Incident | None) -> dict[str, Any] | None:
    if incident is None:
        return None
    told: dict[str, Any] = msgspec.to_builtins(incident)
    for name in ("start", "fired", "end", "resolved"):
        told[name] = None if told[name] is None else timestamp(told[name])
    told["steps"] = [
        {"at": timestamp(at), "step": step, "severity": severity_name(severity)}
        for at, step, severity in incident.steps
    ]
    return told | {"who": incident.who, "severity": severity_name(incident.severity)}


def _difference(one: Difference) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(one)
    del told["interest"]
    for name in ("start", "fired", "resolved"):
        if name in told["changed"]:
            told["changed"][name] = [None if at is None else timestamp(at) for at in told["changed"][name]]
    return told | {"a": _incident(one.a), "b": _incident(one.b)}


def _label(label: Label) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(label)
    begin, end = told.pop("begin"), told.pop("end")
    return told | {
        "from": None if begin is None else timestamp(begin),
        "to": None if end is None else timestamp(end),
    }
