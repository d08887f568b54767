"""The life of alerts: from findings, window by window, to what people are told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wireverdict.verdicts import Finding, Verdict


class AlertSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the fields."""

    renotify: float = 3_600.0
    """s of packet time after which a verdict that still fires is told again; 0: never."""


class Alerts:
    """Holds one open verdict at most per fingerprint."""

    def __init__(self, settings: AlertSettings | None = None) -> None:
        self.settings = settings or AlertSettings()

    def step(self, window_start: int, window_end: int, findings: Iterable[Finding]) -> list[Verdict]:
        """Verdicts that the findings of one closed window cause, in a fixed order. Windows come in order, once each."""
        raise NotImplementedError

    def finish(self) -> list[Verdict]:
        """At the end of the input. What fires stays firing: an end of data is no resolution."""
        raise NotImplementedError

    @property
    def firing(self) -> list[Verdict]:
        """The last step of everything that fires now, in a fixed order."""
        raise NotImplementedError

    def dump(self) -> dict[str, Any]:
        """All memory between windows, as JSON values."""
        raise NotImplementedError

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        raise NotImplementedError
