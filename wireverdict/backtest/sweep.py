"""Sweeps: one or two settings over a range, the curve that comes of it, where it is stable, and what to choose."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from wireverdict.backtest.configs import Config, value_of, with_value
from wireverdict.backtest.intervals import Interval
from wireverdict.backtest.score import Score
from wireverdict.settings import Settings, SettingsError

MOST = 400
"""Points of one sweep."""
NEAR = 0.02
"""F1 below the best by which a setting still counts as good."""


class Axis(msgspec.Struct, frozen=True):
    """A setting's dotted key, its values in growing order, and the value that it has without a sweep."""

    key: str
    values: list[float | int]
    now: float | int


class Point(msgspec.Struct, frozen=True):
    """One combination of values. Without labels precision, recall and F1 have no value."""

    values: list[float | int]
    precision: Interval
    recall: Interval
    f1: Interval
    detect: Interval
    pages: int
    pages_per_day: Interval
    incidents: list[str]
    stable: bool = False


class Swept(msgspec.Struct, frozen=True):
    """A whole sweep. `suggested`: number of the point; None if nothing says which is better. `reason`: a sentence or two."""

    axes: list[Axis]
    points: list[Point]
    rule: str
    suggested: int | None
    reason: str


def axis(text: str, settings: Settings) -> Axis:
    """``KEY=FROM:TO:POINTS``, evenly spaced; with ``:log`` at the end in equal ratios; or ``KEY=VALUE,VALUE…``.

    Whole numbers stay whole; what falls together is taken once. Raises SettingsError.
    """
    key, sign, values = text.partition("=")
    key = key.strip()
    if not sign:
        raise SettingsError(f"--sweep {text}: expected KEY=FROM:TO:POINTS or KEY=VALUE,VALUE")
    now = value_of(settings, key)
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise SettingsError(f"--sweep {key}: its value is {now!r}, not a number")
    try:
        numbers = _numbers(values)
    except ValueError as error:
        raise SettingsError(f"--sweep {text}: {error}") from None
    if isinstance(now, int):
        numbers = [round(number) for number in numbers]
    else:
        numbers = [float(f"{number:.6g}") for number in numbers]
    chosen = sorted(set(numbers))
    for number in chosen:
        with_value(settings, key, number)
    return Axis(key, chosen, now)


def configs(axes: Sequence[Axis], settings: Settings) -> list[Config]:
    """The settings of every point, the last axis moving fastest. Raises SettingsError."""
    if len({one.key for one in axes}) < len(axes) or not 1 <= len(axes) <= 2:
        raise SettingsError("--sweep takes one or two different settings")
    if math.prod(len(one.values) for one in axes) > MOST:
        raise SettingsError(f"a sweep of more than {MOST} points; take fewer of each setting")
    made = []
    for values in itertools.product(*(one.values for one in axes)):
        changed = settings
        for one, value in zip(axes, values, strict=True):
            changed = with_value(changed, one.key, value)
        name = ", ".join(f"{one.key.rpartition('.')[2]} {value:g}" for one, value in zip(axes, values, strict=True))
        made.append(Config(name, changed))
    return made


def rule_of(axes: Sequence[Axis]) -> str:
    """The detector that a sweep is about, by its keys; "" if it is about all of them."""
    rules = set()
    for one in axes:
        parts = one.key.split(".")
        if parts[0] in ("detectors", "paths") and len(parts) == 3:
            rules.add(parts[1].replace("_", "-"))
        else:
            rules.add("")
    return rules.pop() if len(rules) == 1 else ""


def point(values: Sequence[float | int], score: Score, incidents: Sequence[str]) -> Point:
    """A point of the curve from its line of the table. `incidents`: what was told, a digest each."""
    return Point(
        list(values),
        score.precision,
        score.recall,
        score.f1,
        score.detect,
        score.pages,
        score.pages_per_day,
        sorted(incidents),
    )


def conclude(axes: Sequence[Axis], points: Sequence[Point]) -> Swept:
    """Mark the stable region and suggest a setting.

    With labels, good points are those whose F1 is within NEAR of the best; the stable region is the largest set of good
    points that are neighbours, and the suggestion is the point that is farthest inside it, among equals the one nearest to the
    present value, then the one with fewest pages. Without labels the region is the largest set of neighbours with the same
    incidents, and nothing is suggested.
    """
    shape = [len(one.values) for one in axes]
    labelled = any(one.f1 for one in points)
    if labelled:
        best = max(one.f1.value or 0.0 for one in points)
        kinds: list[Any] = [True if (one.f1.value or 0.0) >= best - NEAR else None for one in points]
    else:
        kinds = [tuple(one.incidents) for one in points]
    region = _largest(kinds, shape)
    marked = [msgspec.structs.replace(one, stable=number in region) for number, one in enumerate(points)]
    rule = rule_of(axes)
    span = " and ".join(_span(axes, points, region))
    if not labelled:
        said = f"Without labels nothing says which pages are right. What is told does not change while {span}"
        return Swept(list(axes), marked, rule, None, f"{said} ({len(region)} of {len(points)} points).")
    chosen = min(region, key=lambda number: _preference(number, region, shape, axes, points))
    return Swept(list(axes), marked, rule, chosen, _reason(axes, points, region, chosen, span))


def _reason(axes: Sequence[Axis], points: Sequence[Point], region: set[int], chosen: int, span: str) -> str:
    one = points[chosen]
    wanted = ", ".join(f"{ax.key} = {value:g}" for ax, value in zip(axes, one.values, strict=True))
    f1 = one.f1
    said = (
        f"{wanted}: F1 {f1.value:.3f} ({f1.low:.3f} to {f1.high:.3f}), which stays within {NEAR:g} of the best while {span} "
        f"({len(region)} of {len(points)} points); this value is farthest from the edges of that region."
    )
    if all(ax.values[0] <= ax.now <= ax.values[-1] for ax in axes) and _inside(axes, points, region):
        now = ", ".join(f"{ax.now:g}" for ax in axes)
        said += f" The present value ({now}) lies in the region too: by these labels there is no need to change it."
    if len(region) == len(points):
        said += " The whole range is stable: these labels do not tell its points apart."
    elif any(points[n].values[k] in (ax.values[0], ax.values[-1]) for n in region for k, ax in enumerate(axes)):
        said += " The region reaches the end of the range: sweep further to see where it ends."
    return said


def _inside(axes: Sequence[Axis], points: Sequence[Point], region: set[int]) -> bool:
    """Whether the present values lie within the bounds of the region."""
    for place, ax in enumerate(axes):
        values = [points[number].values[place] for number in region]
        if not min(values) <= ax.now <= max(values):
            return False
    return True


def _preference(
    number: int, region: set[int], shape: list[int], axes: Sequence[Axis], points: Sequence[Point]
) -> tuple[float, float, float, int]:
    here = _place(number, shape)
    outside = [_place(n, shape) for n in range(math.prod(shape)) if n not in region]
    edges = [min(abs(a - b) for a, b in ((h, -1), (h, size))) for h, size in zip(here, shape, strict=True) if size > 1]
    inner = min([sum(abs(a - b) for a, b in zip(here, other, strict=True)) for other in outside] + edges, default=0)
    away = 0.0
    for ax, value in zip(axes, points[number].values, strict=True):
        nearest = min(range(len(ax.values)), key=lambda k: abs(ax.values[k] - ax.now))
        away += abs(ax.values.index(value) - nearest)
    return -inner, away, float(points[number].pages), number


def _largest(kinds: Sequence[Any], shape: list[int]) -> set[int]:
    """The largest set of neighbouring points of the same kind (None: of no kind); the first of equals."""
    seen: set[int] = set()
    best: set[int] = set()
    for start, kind in enumerate(kinds):
        if kind is None or start in seen:
            continue
        region, waiting = {start}, [start]
        while waiting:
            for other in _neighbours(waiting.pop(), shape):
                if other not in region and kinds[other] == kind:
                    region.add(other)
                    waiting.append(other)
        seen |= region
        best = region if len(region) > len(best) else best
    return best


def _neighbours(number: int, shape: list[int]) -> list[int]:
    here, found = _place(number, shape), []
    step = 1
    for place in reversed(range(len(shape))):
        if here[place] > 0:
            found.append(number - step)
        if here[place] + 1 < shape[place]:
            found.append(number + step)
        step *= shape[place]
    return found


def _place(number: int, shape: list[int]) -> list[int]:
    place = []
    for size in reversed(shape):
        number, rest = divmod(number, size)
        place.append(rest)
    return place[::-1]


def _span(axes: Sequence[Axis], points: Sequence[Point], region: set[int]) -> list[str]:
    told = []
    for place, ax in enumerate(axes):
        values = [points[number].values[place] for number in region]
        told.append(f"{ax.key} is {min(values):g} to {max(values):g}")
    return told


def _numbers(text: str) -> list[float]:
    parts = text.strip().split(":")
    if len(parts) == 1:
        return [float(part) for part in text.split(",")]
    if len(parts) not in (3, 4) or (len(parts) == 4 and parts[3] != "log"):
        raise ValueError("expected FROM:TO:POINTS or FROM:TO:POINTS:log")
    low, high, many = float(parts[0]), float(parts[1]), int(parts[2])
    if many < 1 or many > MOST or (many > 1 and not low < high):
        raise ValueError(f"expected 1 to {MOST} points from a smaller to a larger number")
    if many == 1:
        return [low]
    if len(parts) == 4:
        if low <= 0:
            raise ValueError("equal ratios need numbers above 0")
        return [low * (high / low) ** (k / (many - 1)) for k in range(many)]
    return [low + (high - low) * k / (many - 1) for k in range(many)]
