"""Troubles that are only the consequence of another, or that cannot be trusted because of it."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sinks.notify.trouble import Trouble
from sinks.routing import SEVERITIES
from wireverdict.notifying import DEFAULT_INHIBITIONS, Inhibition, NotifySettings

LOSS = ("dns-loss", "throttling-ratio", "new-flow-loss", "retransmission-storm")
"""Detectors to which what a capture missed looks like loss."""


def rules(settings: NotifySettings) -> tuple[Inhibition, ...]:
    """All that hold."""
    return (*settings.inhibitions, *(DEFAULT_INHIBITIONS if settings.default_inhibitions else ()))


class Sources:
    """The troubles that go on, by what they silence."""

    def __init__(self, inhibitions: Sequence[Inhibition]) -> None:
        self._rules = inhibitions
        self._found: dict[tuple[int, tuple[str, ...]], dict[str, str]] = {}  # key: subject

    def add(self, trouble: Trouble) -> None:
        """It goes on, and is not silenced by another itself."""
        for place in self._places(trouble, source=True):
            self._found.setdefault(place, {})[trouble.key] = f"{trouble.rule} {trouble.subject}".strip()

    def drop(self, trouble: Trouble) -> None:
        """It is over, or silenced by another."""
        for place in self._places(trouble, source=True):
            self._found.get(place, {}).pop(trouble.key, None)

    def over(self, trouble: Trouble) -> str:
        """What silences it; empty: nothing."""
        for place in self._places(trouble, source=False):
            for key, words in self._found.get(place, {}).items():
                if key != trouble.key:
                    return words
        return ""

    def _places(self, trouble: Trouble, source: bool) -> list[tuple[int, tuple[str, ...]]]:
        made = []
        for number, rule in enumerate(self._rules):
            patterns = rule.source if source else rule.target
            if any(fnmatchcase(trouble.rule, pattern) for pattern in patterns) and (
                not source or trouble.severity >= SEVERITIES[rule.severity]
            ):
                made.append((number, tuple(trouble.field(name) for name in rule.equal)))
        return made
