"""Several judges of the same windows, at the price of one and of what they differ in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from wireverdict.compose import judge
from wireverdict.detectors.base import Detector
from wireverdict.settings import Settings
from wireverdict.verdicts import Finding, Opinion, Verdict, fingerprint, rounded
from wireverdict.windows.view import WindowView

KEPT = 20_000
"""Findings of a detector that are remembered, so that a difference can say what the other side thought; about 1 KB each."""


class Look(msgspec.Struct, frozen=True):
    """What a detector thought of a subject in the window that ended at `at` (ns)."""

    at: int
    rule: str
    fingerprint: str
    opinion: str
    severity: int
    confidence: float
    evidence: dict[str, Any]


class Shared:
    """Stands as a detector in several judges; the one behind it judges each window once."""

    def __init__(self, inner: Detector, *, remember: bool) -> None:
        self.inner, self.name = inner, inner.name
        self.heard: list[tuple[int, Finding]] = []
        self.left_out = 0
        """Findings that were not remembered, for lack of room."""
        self._remember = remember
        self._view: WindowView | None = None
        self._said: list[Finding] = []
        self._error: Exception | None = None

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """The same answer, or the same error, for everybody who asks about a window."""
        if view is not self._view:
            self._view, self._said, self._error = view, [], None
            try:
                self._said = list(self.inner.judge(view))
            except Exception as error:  # noqa: BLE001 - whatever it is, each judge is to meet it
                self._error = error
            if self._remember:
                room = max(KEPT - len(self.heard), 0)
                self.heard += [(view.end, finding) for finding in self._said[:room]]
                self.left_out += max(len(self._said) - room, 0)
        if self._error is not None:
            raise self._error
        return self._said

    def dump(self) -> dict[str, Any]:
        """Of the one behind it."""
        return self.inner.dump()

    def load(self, state: dict[str, Any]) -> None:
        """Into the one behind it."""
        self.inner.load(state)


class Panel:
    """One judge for each of `settings`. Detectors with the same settings judge a window once, for all; alerts have lives of
    their own.

    A detector's answer is a function of its settings and of the windows, so that sharing one changes no answer. One that
    comes from elsewhere (a plug-in) is shared only where all settings of detectors are the same.
    """

    def __init__(self, settings: Sequence[Settings], *, remember: bool = False) -> None:
        """`remember`: keep findings for `looks`. Raises ValueError for settings that a part refuses."""
        self.judges = [judge(one) for one in settings]
        known: dict[bytes, Shared] = {}
        for one, made in zip(settings, self.judges, strict=True):
            made.detectors[:] = [
                known.setdefault(_identity(detector, one), Shared(detector, remember=remember))
                for detector in made.detectors
            ]
        self.detectors = list(known.values())
        """Those that differ."""

    def step(self, view: WindowView) -> list[list[Verdict]]:
        """What a closed window makes people hear, by settings."""
        return [made.step(view) for made in self.judges]

    def finish(self) -> list[list[Verdict]]:
        """The input is over. What fires stays firing."""
        return [made.finish() for made in self.judges]

    def looks(self, number: int) -> list[Look]:
        """What the detectors of settings `number` thought of every subject that they ever found bad, in order of time."""
        told = []
        for detector in self.judges[number].detectors:
            assert isinstance(detector, Shared)
            bad = {finding.subject for _, finding in detector.heard if finding.opinion is Opinion.BAD}
            told += [_look(at, finding) for at, finding in detector.heard if finding.subject in bad]
        return sorted(told, key=lambda look: (look.at, look.rule, look.fingerprint))

    def dump(self) -> dict[str, Any]:
        """All memory between windows, for `wireverdict.snapshot`."""
        numbers = {id(detector): number for number, detector in enumerate(self.detectors)}
        return {
            "judges": [
                made.dump() | {"detectors": [numbers[id(detector)] for detector in made.detectors]}
                for made in self.judges
            ],
            "detectors": [detector.dump() for detector in self.detectors],
            "heard": [packed(detector.heard) for detector in self.detectors],
            "left_out": [detector.left_out for detector in self.detectors],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in a fresh panel of the same settings."""
        for made, told in zip(self.judges, state["judges"], strict=True):
            dumped = {self.detectors[number].name: state["detectors"][number] for number in told["detectors"]}
            made.load(told | {"detectors": dumped})
        for detector, heard, left_out in zip(self.detectors, state["heard"], state["left_out"], strict=True):
            detector.heard = msgspec.msgpack.decode(heard, type=list[tuple[int, Finding]])
            detector.left_out = left_out

    @property
    def left_out(self) -> int:
        """Findings that were not remembered, for lack of room."""
        return sum(detector.left_out for detector in self.detectors)


def _identity(detector: Detector, settings: Settings) -> bytes:
    """Equal for detectors that give the same answers."""
    own = getattr(detector, "settings", None)
    if type(detector).__module__.startswith("wireverdict.detectors.") and isinstance(own, msgspec.Struct):
        return msgspec.json.encode([detector.name, own])
    return msgspec.json.encode([detector.name, None, settings.detectors])


def packed(values: Any) -> bytes:
    """As MessagePack, numbers of numpy as plain ones."""
    return msgspec.msgpack.encode(values, enc_hook=lambda value: value.item())


def _look(at: int, finding: Finding) -> Look:
    return Look(
        at,
        finding.rule,
        fingerprint(finding.rule, finding.subject),
        str(finding.opinion),
        int(finding.severity),
        rounded(float(finding.confidence)),
        rounded(finding.evidence),
    )
