"""Detectors as others might write them, good and bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from wireverdict.plugin import Finding, Opinion, Plugin, Severity, Subject, WindowView


class BusySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of `Busy`."""

    packets: int = 1
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.packets < 0:
            raise ValueError("packets must not be negative")


class Busy(Plugin):
    """A window of many packets is bad."""

    api = 1
    name = "busy-window"
    Settings = BusySettings

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.windows = 0

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """About nobody in particular."""
        self.windows += 1
        bad = view.packets >= self.settings.packets
        yield finding(view, opinion=Opinion.BAD if bad else Opinion.GOOD)

    def dump(self) -> dict[str, Any]:
        """How many windows there were."""
        return {"windows": self.windows}

    def load(self, state: dict[str, Any]) -> None:
        """See `dump`."""
        self.windows = state["windows"]


def finding(view: WindowView, **fields: Any) -> Finding:
    """Of `Busy`."""
    values: dict[str, Any] = {
        "rule": "busy-window",
        "subject": Subject(),
        "opinion": Opinion.BAD,
        "since": view.start,
        "until": view.end,
        "severity": Severity.CRITICAL,
        "confidence": 0.9,
        "evidence": {"packets": view.packets},
    }
    return Finding(**(values | fields))


def saying(say: Callable[[WindowView], Any]) -> Busy:
    """A detector that gives what `say` gives."""

    class Saying(Busy):
        """See `saying`."""

        def judge(self, view: WindowView) -> Any:
            """See `saying`."""
            return say(view)

    return Saying(BusySettings())


class Fragile(Busy):
    """Breaks in every third window."""

    api = 1
    name = "fragile-window"

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """As `Busy`, if at all."""
        if view.number % 3 == 0:
            raise LookupError("a third window")
        yield finding(view, rule=self.name)
