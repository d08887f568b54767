"""The interface that every detector implements, those of others included.

A detector sees closed windows in order of time and says what it thinks of the subjects in them. It keeps no clock and
does no I/O; what it must remember between windows (a baseline, say) it keeps in itself and can hand over as JSON values,
so that a stream worker can store it. When to tell people is not its business: `wireverdict.alerts` holds life cycles and
hysteresis.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec

from wireverdict.verdicts import Finding
from wireverdict.windows.view import WindowView

API = 1
"""Version of what a plug-in relies on: this interface, `Plugin`, and the names in `wireverdict.plugin`. Goes up only when a
detector written for the version before would no longer work."""


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


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a detector that has none."""


class Plugin:
    """What a detector of your own can be derived from: it has settings and remembers nothing between windows.

    `api`: the version of `wireverdict.detectors.base.API` that it was written for. `name`: its rule.id, lower-case letters,
    digits and hyphens. `Settings`: a msgspec struct with a default for every field, which is read from
    ``[detectors.<name with _ for ->]`` and handed to `__init__`. docs/write-a-detector.md builds one.
    """

    api: ClassVar[int] = 0
    name: str = ""
    Settings: ClassVar[type[msgspec.Struct]] = NoSettings

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """See `Detector`. The view belongs to all detectors: read it, never write to its arrays."""
        raise NotImplementedError

    def dump(self) -> dict[str, Any]:
        """See `Detector`."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """See `Detector`."""

    @staticmethod
    def explain(evidence: dict[str, Any], settings: Any) -> Any:
        """What ``wireverdict explain`` says of a verdict: a `wireverdict.explain.parts.Explanation`; None: the usual, which
        is the class's docstring and the evidence. `settings`: the plug-in's own."""
        return None
