"""What an explanation is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Evidence = Mapping[str, Any]
Unit = Literal["share", "count", "ratio", "ms", "bps", "bytes", "nats", "windows", "s"]
Relation = Literal["over", "at least", "under", "at most"]


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of the rule: `value` must be `relation` `bound`. `setting`: the dotted name of the bound, if it is one.

    `need`: whether the verdict hangs on it; others are told because they decide the severity or rule a cause out.
    """

    what: str
    value: float
    relation: Relation
    bound: float
    unit: Unit
    setting: str = ""
    need: bool = True

    @property
    def met(self) -> bool:
        """Whether the comparison holds."""
        return {
            "over": self.value > self.bound,
            "at least": self.value >= self.bound,
            "under": self.value < self.bound,
            "at most": self.value <= self.bound,
        }[self.relation]

    @property
    def margin(self) -> float:
        """How many times the value is over its bound, or the bound over the value where it must be lower."""
        high, low = (self.value, self.bound) if self.relation in ("over", "at least") else (self.bound, self.value)
        return high / low if low else float("inf")


@dataclass(slots=True)
class Explanation:
    """`rule`: sentences. `checks`: in the order of the rule. `changes`: what would have changed it. `next_steps`: what to
    look at."""

    rule: list[str]
    checks: list[Check] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)


Explain = Callable[[Evidence, Any], Explanation]
"""Of one detector: evidence and `Settings` to an explanation."""


def compare(settings: Any, section: str, *rows: tuple[str, float, Relation, str, Unit]) -> list[Check]:
    """Checks against settings of one section. Rows: what is compared, its value, the relation, the name of the setting and the
    unit; a name in brackets is a check on which the verdict does not hang."""
    for part in section.split("."):
        settings = getattr(settings, part)
    made = []
    for what, value, relation, name, unit in rows:
        plain = name.strip("()")
        made.append(Check(what, value, relation, getattr(settings, plain), unit, f"{section}.{plain}", name == plain))
    return made


def shown(value: float, unit: Unit) -> str:
    """A number with its unit, with the figures that mean something."""
    if unit == "share":
        return f"{100 * value:.{0 if value >= 0.1 else 1}f} %"
    if unit in ("count", "windows"):
        text = f"{value:,.0f}"
        return f"{text} windows" if unit == "windows" else text
    if unit == "bps":
        return _scaled(value, "bit/s")
    if unit == "bytes":
        return _scaled(value, "B")
    return f"{value:.3g}" + ("" if unit == "ratio" else f" {unit}")


def _scaled(value: float, unit: str) -> str:
    for prefix in ("", "k", "M"):
        if abs(value) < 999.5:
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    return f"{value:.3g} G{unit}"


def number(evidence: Evidence, name: str, otherwise: float = 0.0) -> float:
    """A number of the evidence; `otherwise` where it is absent, null or no number."""
    value = evidence.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def most_below(total: int, limit: float, lower_bound: Callable[[int, int], float]) -> int:
    """The largest count of `total` whose lower bound is not over `limit`."""
    low, high = 0, total
    while low < high:
        middle = (low + high + 1) // 2
        if lower_bound(middle, total) > limit:
            high = middle - 1
        else:
            low = middle
    return low
