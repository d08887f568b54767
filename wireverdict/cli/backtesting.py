"""What ``wireverdict backtest`` does: configurations over a source, and what comes of it to the outputs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from producers.files.inputs import expand
from producers.recorded.source import ARCHIVE, TOPIC, SourceError
from wireverdict.backtest import sweep as sweeps
from wireverdict.backtest.configs import Config, passes
from wireverdict.backtest.labels import Label, LabelError, moment, read_labels
from wireverdict.backtest.result import Backtest, Result, Source, compare, differing, result, sweep, within
from wireverdict.backtest.sweep import Axis
from wireverdict.cli.analysis import Refusal, read_settings, tell
from wireverdict.cli.app import FAILED, FOUND, NOTHING
from wireverdict.cli.passes import Pass, Passed, run_all
from wireverdict.cli.plugins import loaded
from wireverdict.cli.progress import Progress
from wireverdict.cli.targets import keep_apart
from wireverdict.output.stream import in_words
from wireverdict.output.units import utf8
from wireverdict.settings import from_environment, settings

SUGGESTED = "suggested"
"""What the report calls the point of a sweep that is suggested."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as `wireverdict.cli.backtest` declares it."""

    inputs: tuple[str, ...]
    configs: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()
    labels: str | None = None
    tolerance: float = 30.0
    begin: str | None = None
    end: str | None = None
    sensors: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    each: bool = False
    html: str | None = None
    json: bool = False
    work: str | None = None
    every: float = 30.0
    processes: int | None = None
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be tried: `named` by the user, then the points of a sweep; and over what."""

    named: list[Config]
    axes: list[Axis]
    points: list[Config]
    labels: list[Label]
    units: list[tuple[tuple[str, ...], str]]
    begin: int | None
    end: int | None


def backtest(options: Options) -> int:
    """Run the command; its exit status."""
    try:
        plan = prepare(options)
        done = run(plan, options)
        told(done, options)
    except (Refusal, SourceError, ValueError, OSError) as error:  # SettingsError and LabelError are ValueErrors
        return tell(in_words(error))
    damaged = [f"{where}: {reason}" for kind, where, _, _, reason in done.source.missing if kind == "damaged"]
    for sentence in damaged:
        tell(sentence)
    if damaged:
        return FAILED
    return FOUND if any(one.found for one in done.comparisons) else NOTHING


def prepare(options: Options) -> Plan:
    """Everything that can be refused before anything is read. Raises Refusal, ValueError (SettingsError, LabelError)."""
    if options.tolerance < 0:
        raise Refusal("--tolerance must not be negative")
    if options.html is not None:
        try:
            import plotly  # noqa: F401
        except ImportError:
            raise Refusal("--html needs plotly: install it with pip install 'wireverdict[report]'") from None
        if not Path(options.html).parent.is_dir():
            raise Refusal(f"--html {options.html}: there is no such directory")
        read = [path for path in options.inputs if not path.startswith((ARCHIVE, TOPIC))]
        keep_apart({"--html": options.html}, [*read, *options.configs, *([options.labels] if options.labels else [])])
    named = configs(options)
    axes = [sweeps.axis(text, named[0].settings) for text in options.sweeps]
    points = sweeps.configs(axes, named[0].settings) if axes else []
    labels: list[Label] = []
    if options.labels is not None:
        labels = read_labels(_text(options.labels), options.labels)
        if not labels:
            raise LabelError(f"{options.labels} holds no label")
    begin, end = moment(options.begin, "--from"), moment(options.end, "--to")
    return Plan(named, axes, points, labels, units(options), begin, end)


def configs(options: Options) -> list[Config]:
    """The configurations that were named, or the defaults; each with the environment's settings. Raises SettingsError."""
    chosen = []
    for path in options.configs or (None,):
        sources = [] if path is None else [read_settings(path)]
        made = loaded(settings([*sources, from_environment(os.environ)], options.detectors))
        chosen.append(Config("default" if path is None else path, made))
    names = [Path(config.name).stem for config in chosen]
    if len(set(names)) == len(names):
        chosen = [config._replace(name=name) for config, name in zip(chosen, names, strict=True)]
    if len({config.name for config in chosen}) < len(chosen):
        raise Refusal("--config names the same file twice")
    return chosen


def units(options: Options) -> list[tuple[tuple[str, ...], str]]:
    """What is read apart from each other: inputs, and the name of the place that they are. Raises Refusal."""
    recorded = any(text.startswith((ARCHIVE, TOPIC)) for text in options.inputs)
    if not options.each:
        name = utf8(Path(options.inputs[0]).name) if len(options.inputs) == 1 and not recorded else "captures"
        return [(options.inputs, name)]
    if recorded:
        raise Refusal("--each is for captures; an archive's and a topic's sensors are places of their own anyway")
    paths = [report.path for report in expand(list(options.inputs))]
    names = [Path(path).name for path in paths]
    apart = len(set(names)) == len(names)
    return [((path,), utf8(name if apart else path)) for path, name in zip(paths, names, strict=True)]


def run(plan: Plan, options: Options) -> Backtest:
    """Make all passes and put their results together. Raises SourceError, ValueError, OSError."""
    everything = [*plan.named, *plan.points]
    groups = passes([config.settings for config in everything])
    work = [
        Pass(
            spec,
            name,
            plan.begin,
            plan.end,
            options.sensors,
            options.addresses,
            [everything[number].settings for number in group],
            group,
            remember=len(plan.named) > 1,
        )
        for group in groups
        for spec, name in plan.units
    ]
    far: dict[int, tuple[int, float]] = {}
    with Progress(sys.stderr) as progress:

        def word(number: int, headers: int, read: int, total: int | None) -> None:
            far[number] = headers, read / total if total else 0.0
            done = sum(share for _, share in far.values())
            progress.update(sum(n for n, _ in far.values()), round(done * 1000), 1000 * len(work))

        folder = None if options.work is None else Path(options.work)
        passed = run_all(work, options.processes or os.cpu_count() or 1, folder, word, options.every)
    return put_together(plan, options, groups, passed)


def put_together(plan: Plan, options: Options, groups: list[list[int]], passed: Sequence[Passed]) -> Backtest:
    """Results of passes: those of each group of settings, one for each unit."""
    everything = [*plan.named, *plan.points]
    size = len(plan.units)
    first = passed[:size]
    counts: dict[str, int] = {}
    for one in first:
        for name, count in one.counts.items():
            counts[name] = counts.get(name, 0) + count
    source = Source(
        spec=[utf8(text) for text in options.inputs],
        apart=options.each,
        places=[place for one in first for place in one.places],
        missing=[(gap.kind, gap.where, gap.many, gap.unit, gap.reason) for one in first for gap in one.gaps],
        counts=dict(sorted(counts.items())),
        passes=len(groups),
        begin=plan.begin,
        end=plan.end,
    )
    labels = within(plan.labels, source.places)
    results: list[Result | None] = [None] * len(everything)
    for place, group in enumerate(groups):
        places = [one for part in passed[place * size : (place + 1) * size] for one in part.places]
        for number, which in enumerate(group):
            config = everything[which]
            results[which] = result(config, number, places, labels, options.tolerance, source.days)
    made = [one for one in results if one is not None]
    named, points = made[: len(plan.named)], made[len(plan.named) :]
    comparisons = compare(named, bool(labels))
    swept = None
    if plan.axes:
        swept = sweep(plan.axes, [(list(_values(plan.axes, number)), one) for number, one in enumerate(points)])
        chosen = points[swept.suggested] if swept.suggested is not None else named[0]
        if differing([named[0].config, chosen.config]):
            if SUGGESTED not in (one.config.name for one in named):
                chosen = replace(chosen, config=chosen.config._replace(name=SUGGESTED))
            named = [*named, chosen]
            comparisons += compare([named[0], chosen], True, remembered=False)
    done = Backtest(
        source,
        labels,
        len(plan.labels) - len(labels),
        options.tolerance,
        named,
        differing([one.config for one in named]),
        comparisons,
        swept,
    )
    if options.html is not None:
        from wireverdict.cli.stories import tell_stories

        tell_stories(done, {name: spec for spec, name in plan.units}, everything[0].settings)
    return done


def told(done: Backtest, options: Options) -> None:
    """Write the report, and print the JSON or the page for people. Raises OSError."""
    if options.html is not None:
        from wireverdict.backtest.report import page

        Path(options.html).write_text(page(done), encoding="utf-8")
    if options.json:
        sys.stdout.buffer.write(orjson.dumps(done.to_json(), option=orjson.OPT_INDENT_2) + b"\n")
        sys.stdout.flush()
        return
    from wireverdict.cli.backtest_page import show

    show(done, options.html)


def _values(axes: Sequence[Axis], number: int) -> list[float | int]:
    found: list[float | int] = []
    for axis in reversed(axes):
        number, rest = divmod(number, len(axis.values))
        found.append(axis.values[rest])
    return found[::-1]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelError(f"cannot read the labels in {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LabelError(f"{path} is no text in UTF-8") from None
