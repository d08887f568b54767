"""How right a configuration was, by labels: precision, recall, F1, times to detect and to resolve, pages per day.

An incident is *right* if it fired within a label that concerns it, from `tolerance` before the label's beginning to
`tolerance` after its end; else *excused* if a label with ``expect = may`` does so; else *wrong*. Incidents of detectors that no
label names are *unlabelled*: nothing is known of them, and they count for pages only. A label is *detected* if an incident
that is right concerns it and was open within it. So precision counts incidents and recall counts labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wireverdict.backtest import intervals
from wireverdict.backtest.incidents import Incident
from wireverdict.backtest.intervals import Interval
from wireverdict.backtest.labels import Label

SECOND = 1_000_000_000
ALWAYS = 1 << 62


class Outcome(msgspec.Struct, frozen=True):
    """What became of one label. `incidents`: numbers of those that detected it (or, for `never`, that should not be).

    `detect`, `resolve`: s from the label's beginning (end) until people were told that the trouble is there (over); None if the
    label has no such time or it never came. `open`: a verdict that detected it was not over when the source ended.
    """

    label: int
    detected: bool
    incidents: list[int]
    detect: float | None
    resolve: float | None
    open: bool


class Held(msgspec.Struct, frozen=True):
    """Labels and incidents held against each other. `fate`: right, wrong, excused or unlabelled, of each incident."""

    outcomes: list[Outcome]
    fate: list[str]


class Score(msgspec.Struct, frozen=True):
    """One line of the table. `kind`: all, rule (one detector) or group (one group of labels).

    `quiet`, `disturbed`: times in which nothing was to fire, and those of them in which something did.
    """

    kind: str
    name: str
    labels: int
    detected: int
    incidents: int
    right: int
    wrong: int
    excused: int
    unlabelled: int
    quiet: int
    disturbed: int
    open: int
    precision: Interval
    recall: Interval
    f1: Interval
    detect: Interval
    resolve: Interval
    pages: int
    pages_per_day: Interval


def hold(labels: Sequence[Label], incidents: Sequence[Incident], tolerance: float) -> Held:
    """Hold labels against incidents. `tolerance` in s."""
    slack = round(tolerance * SECOND)
    spoken = {rule for label in labels for rule in label.what.split("|")}
    known = ["*" in spoken or incident.rule in spoken for incident in incidents]
    by_label = [[number for number, incident in enumerate(incidents) if label.concerns(incident)] for label in labels]
    fate = ["wrong" if is_known else "unlabelled" for is_known in known]
    for expect, name in (("may", "excused"), ("fires", "right")):
        for label, numbers in zip(labels, by_label, strict=True):
            if label.expect == expect:
                for number in numbers:
                    if _fired_in(label, incidents[number], slack):
                        fate[number] = name
    outcomes = []
    for place, (label, numbers) in enumerate(zip(labels, by_label, strict=True)):
        if label.expect == "never":
            told = [n for n in numbers if fate[n] == "wrong" and _fired_in(label, incidents[n], slack)]
        else:
            told = [n for n in numbers if fate[n] == "right" and _open_in(label, incidents[n], slack)]
        outcomes.append(_outcome(place, label, told, incidents))
    return Held(outcomes, fate)


def scores(labels: Sequence[Label], incidents: Sequence[Incident], held: Held, days: float) -> list[Score]:
    """All lines of the table: all together, each detector, each group of labels. `days`: what was watched, in days."""
    lines = [_score("all", "", labels, incidents, held, days)]
    rules = {incident.rule for incident in incidents}
    rules |= {rule for label in labels for rule in label.what.split("|") if rule != "*" and label.expect != "may"}
    lines += [_score("rule", rule, labels, incidents, held, days) for rule in sorted(rules)]
    groups = dict.fromkeys(label.group for label in labels if label.group)
    lines += [_score("group", group, labels, incidents, held, days) for group in groups]
    return lines


def _score(
    kind: str, name: str, labels: Sequence[Label], incidents: Sequence[Incident], held: Held, days: float
) -> Score:
    def mine(label: Label) -> bool:
        if kind == "group":
            return label.group == name
        return kind == "all" or name in label.what.split("|") or (label.what == "*" and label.expect == "never")

    chosen = [outcome for outcome in held.outcomes if mine(labels[outcome.label])]
    if kind == "group":
        numbers = sorted({number for outcome in chosen for number in outcome.incidents})
    else:
        numbers = [n for n, incident in enumerate(incidents) if kind == "all" or incident.rule == name]
    told = set(numbers)
    wanted = [outcome for outcome in chosen if labels[outcome.label].expect == "fires"]
    quiet = [outcome for outcome in chosen if labels[outcome.label].expect == "never"]
    count = {fate: sum(held.fate[n] == fate for n in numbers) for fate in ("right", "wrong", "excused", "unlabelled")}
    judged = count["right"] + count["wrong"]
    detected = sum(outcome.detected for outcome in wanted)
    pages = sum(incidents[n].pages for n in numbers)
    return Score(
        kind=kind,
        name=name,
        labels=len(wanted),
        detected=detected,
        incidents=len(numbers),
        **count,
        quiet=len(quiet),
        disturbed=sum(any(n in told for n in outcome.incidents) for outcome in quiet),
        open=sum(outcome.open for outcome in wanted),
        precision=intervals.share(count["right"], judged),
        recall=intervals.share(detected, len(wanted)),
        f1=intervals.f1(detected, len(wanted), count["right"], judged),
        detect=intervals.median([outcome.detect for outcome in wanted if outcome.detect is not None]),
        resolve=intervals.median([outcome.resolve for outcome in wanted if outcome.resolve is not None]),
        pages=pages,
        pages_per_day=intervals.rate(pages, days),
    )


def _outcome(place: int, label: Label, told: list[int], incidents: Sequence[Incident]) -> Outcome:
    detect = resolve = None
    ends = [incidents[n].resolved for n in told]
    if told and label.expect == "fires":
        if label.begin is not None:
            detect = max(min(incidents[n].fired for n in told) - label.begin, 0) / SECOND
        over = [end for end in ends if end is not None]
        if label.end is not None and len(over) == len(ends):
            resolve = (max(over) - label.end) / SECOND
    return Outcome(place, bool(told), told, detect, resolve, None in ends)


def _fired_in(label: Label, incident: Incident, slack: int) -> bool:
    begin = -ALWAYS if label.begin is None else label.begin - slack
    end = ALWAYS if label.end is None else label.end + slack
    return begin <= incident.fired <= end


def _open_in(label: Label, incident: Incident, slack: int) -> bool:
    begin = -ALWAYS if label.begin is None else label.begin - slack
    end = ALWAYS if label.end is None else label.end + slack
    until = ALWAYS if incident.resolved is None else incident.resolved
    return incident.fired <= end and until >= begin
