"""A backtest in words: what its page in the terminal and its report say alike."""

from __future__ import annotations

from html import escape
from typing import Any

from wireverdict.backtest.diff import Difference
from wireverdict.backtest.incidents import Incident, severity_name
from wireverdict.backtest.intervals import Interval
from wireverdict.backtest.result import Backtest, Comparison
from wireverdict.backtest.score import Outcome, Score
from wireverdict.output.units import count, duration, moment, named, several, share

SECOND = 1_000_000_000
FIELDS = {
    "start": "began",
    "fired": "told",
    "resolved": "over",
    "severity": "severity",
    "confidence": "confidence",
}
FATES = {"right": "right by the labels", "wrong": "wrong by the labels", "excused": "excused by a label"}


def figure(interval: Interval, digits: int = 2) -> str:
    """``0.92 (0.81–0.97)``; a dash for nothing."""
    if interval.value is None:
        return "–"
    assert interval.low is not None
    assert interval.high is not None
    return f"{interval.value:.{digits}f} ({interval.low:.{digits}f}–{interval.high:.{digits}f})"


def per_day(interval: Interval) -> str:
    """Pages per day: three figures, but whole pages in full."""
    if interval.value is None:
        return "–"
    low, value, high = (
        f"{part:,.0f}" if part >= 100 else f"{part:.3g}"
        for part in (interval.low or 0.0, interval.value, interval.high or 0.0)
    )
    return f"{value} ({low}–{high})"


def seconds(interval: Interval) -> str:
    """Seconds with one decimal; without a range if all were the same."""
    if interval.value is None:
        return "–"
    if interval.low == interval.high:
        return f"{interval.value:.1f} s"
    return f"{interval.value:.1f} s ({interval.low:.1f}–{interval.high:.1f})"


HEADS = (
    *("", "labels found", "quiet times disturbed", "precision", "recall", "F1", "time to detect", "time to resolve"),
    *("verdicts", "pages/day"),
)


def row(line: Score, name: str) -> list[str]:
    """A line of the table; see HEADS. A dash for what there is not."""
    return [
        name,
        _of(line.detected, line.labels),
        _of(line.disturbed, line.quiet),
        figure(line.precision),
        figure(line.recall),
        figure(line.f1),
        seconds(line.detect),
        seconds(line.resolve),
        count(line.incidents) + (f", {count(line.wrong)} wrong" if line.wrong and line.labels + line.quiet else ""),
        per_day(line.pages_per_day),
    ]


def _of(many: int, all_of_them: int) -> str:
    return f"{count(many)} of {count(all_of_them)}" if all_of_them else "–"


def columns(rows: list[list[str]]) -> list[int]:
    """Numbers of the columns that say anything; that of verdicts in any case: none is an answer."""
    always = (0, HEADS.index("verdicts"))
    return [n for n in range(len(HEADS)) if n in always or any(row[n] not in ("–", "0") for row in rows)]


def value(given: Any) -> str:
    """A setting's value."""
    if isinstance(given, list | tuple):
        return ", ".join(map(str, given)) or "none"
    return "–" if given is None else str(given)


def found(one: Outcome, expect: str) -> str:
    """What became of a label, in few words."""
    if expect == "never":
        return f"{several(len(one.incidents), 'verdict')} all the same" if one.incidents else "quiet"
    if expect == "may":
        return ""
    if not one.detected:
        return "missed"
    told = ["found"]
    if one.detect is not None:
        told.append(f"after {one.detect:.0f} s")
    if one.resolve is not None:
        told.append(f"over after {one.resolve:.0f} s")
    return ", ".join(told)


def heading(done: Backtest) -> list[str]:
    """What was read, in two or three sentences."""
    source = done.source
    headers = sum(place.headers for place in source.places)
    first, last = source.first, source.last
    what = several(len(source.places), "capture" if source.apart else "sensor")
    said = [f"{several(headers, 'header')} of {what}, in {several(source.passes, 'pass', 'passes')} over the source."]
    if headers and not source.apart:
        said.append(f"From {moment(first)} to {moment(last)}: {duration(last - first)}.")
    elif headers:
        said.append(f"{duration(sum(place.watched for place in source.places))} of packets, each capture by itself.")
    if done.labels or done.outside:
        expect = [label.expect for label in done.labels]
        said.append(
            f"{several(expect.count('fires'), 'label')} of troubles, {count(expect.count('never'))} of quiet times; "
            f"times within {done.tolerance:g} s count as the same."
        )
    else:
        said.append("No labels: nothing is known of which verdicts are right.")
    if done.outside:
        said.append(f"{several(done.outside, 'label')} of places or times that were not read: left out.")
    unlabelled = sum(fate == "unlabelled" for result in done.results for fate in result.held.fate)
    if done.labels and unlabelled:
        said.append(f"{several(unlabelled, 'verdict')} of detectors that no label names: counted as pages only.")
    return said


def missing(done: Backtest) -> list[str]:
    """A sentence for each thing that is known to be missing."""
    said = []
    for kind, where, many, unit, reason in done.source.missing:
        how_many = several(many, unit.removesuffix("s")) if many else f"an unknown number of {unit}"
        said.append(f"{kind}: {where}: {how_many}: {reason}")
    left_out = sum(place.left_out for place in done.source.places)
    if left_out:
        said.append(
            f"{count(left_out)} findings had no room to be remembered: some differences lack the other side's view"
        )
    return said


def versions(done: Backtest) -> str:
    """Which versions of the schema the messages had, if there are several; else nothing."""
    told = {name: many for name, many in done.source.counts.items() if name.startswith("schema_")}
    if len(told) < 2:
        return ""
    listed = ", ".join(
        f"{count(many)} of version {name.removeprefix('schema_')}" for name, many in sorted(told.items())
    )
    return f"Messages of several versions of the schema: {listed}."


def outcome(one: Comparison) -> str:
    """How two configurations differ, in a sentence."""
    counts = one.counts
    if not one.found:
        return f"{one.a} and {one.b} say the same."
    return (
        f"{several(len(one.found), 'difference')}: {counts['only_a']} only in {one.a}, {counts['only_b']} only in {one.b}, "
        f"{counts['changed']} in both but otherwise."
    )


def title(one: Difference, names: tuple[str, str]) -> str:
    """``only default: dns-loss, 192.0.2.1 > 198.51.100.7:53``."""
    what = {"only_a": f"only {names[0]}", "only_b": f"only {names[1]}", "changed": "both, but otherwise"}[one.kind]
    return f"{what}: {one.rule}, {one.who}"


def changes(one: Difference, names: tuple[str, str]) -> list[list[str]]:
    """Rows of what each side says: field, and its value on both sides."""
    rows = []
    for field, label in FIELDS.items():
        values = [
            _value(incident, field, one.incident.start) if incident is not None else "–" for incident in (one.a, one.b)
        ]
        if one.kind != "changed" or field in one.changed:
            rows.append([label, *values])
    if any(fate in FATES for fate in one.fate):
        rows.append(
            ["by the labels", *(FATES.get(fate or "", "–").removesuffix(" by the labels") for fate in one.fate)]
        )
    return rows


def evidence(one: Difference) -> list[list[str]]:
    """Rows of the evidence that differs: key, and its value on both sides."""
    return [
        [key.replace("_", " "), *(_evidence(key, value) for value in values)] for key, values in one.evidence.items()
    ]


def bar(incident: Incident, fate: str) -> str:
    """What is said of an incident where it is pointed at; ``<br>`` between lines."""
    over = "still going on" if incident.resolved is None else f"over {moment(incident.resolved)}"
    lines = [
        f"<b>{escape(incident.rule)}</b> {escape(incident.who, quote=False)}",
        f"{severity_name(incident.severity)}, {share(incident.confidence)} sure",
        f"told {moment(incident.fired)}, {over}",
        *([FATES[fate]] if fate in FATES else []),
    ]
    plain = [named(key, value) for key, value in incident.evidence.items() if isinstance(value, int | float)]
    return "<br>".join(lines + plain[:6])


def _value(incident: Incident, field: str, start: int) -> str:
    value = getattr(incident, field)
    if field == "severity":
        return severity_name(value)
    if field == "confidence":
        return share(value)
    if value is None:
        return "not over"
    return moment(value) if field == "start" or value < start else f"{moment(value)} (+{duration(value - start)})"


def _evidence(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        unit = key.rpartition("_")[2]
        told = named(f"_{unit}", value)  # only a suffix that is a unit leaves no word
        return named("", value) if told.startswith(unit) else told
    text = value if isinstance(value, str) else named("", value).strip()
    return text if len(text) <= 200 else text[:199] + "…"
