"""The interface that every detector implements, those of others included.

A detector sees closed windows in order of time and says what it thinks of the subjects in them. It keeps no clock and
does no I/O; what it must remember between windows (a baseline, say) it keeps in itself and can hand over as JSON values,
so that a stream worker can store it. When to tell people is not its business: `wireverdict.alerts` holds life cycles and
hysteresis.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from wireverdict.verdicts import Finding
from wireverdict.windows.view import WindowView


@runtime_checkable
class Detector(Protocol):
    """`name` is the verdict's rule.id. Windows come once each, in order; empty ones in between are left out."""

    name: str

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """Findings for one closed window; any order, at most one per subject."""
        ...

    def dump(self) -> dict[str, Any]:
        """All memory between windows, as JSON values."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        ...
