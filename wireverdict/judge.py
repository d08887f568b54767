"""Closed windows in, verdicts out: the detectors and the life of alerts of one sensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wireverdict.alerts import Alerts
from wireverdict.detectors.base import Detector
from wireverdict.detectors.guard import DetectorFailed
from wireverdict.detectors.quality import doubted, with_sampling
from wireverdict.verdicts import Finding, Opinion, Severity, Subject, Verdict
from wireverdict.windows.view import WindowView

ERROR = "detector-error"
"""The rule of what is said when a detector of others breaks. There is no detector of that name."""
REMEDY = (
    "A detector that is not part of wireverdict broke; everything else was judged as ever, and what it had found before stays "
    "open. Run wireverdict analyze with it on a capture of that time, mend it, or take it out of detectors.plugins."
)


class Judge:
    """Sees each window of the whole sensor once, in order of time.

    `unreliable`: where the capture itself says that it lost more than this share of a window's packets, nobody can tell
    what the network did: all findings but that one are unknown. `failures`: windows in which a detector of others broke, by
    its name.
    """

    def __init__(self, detectors: Sequence[Detector], alerts: Alerts, unreliable: float = 1.0) -> None:
        self.detectors, self.alerts, self.unreliable = list(detectors), alerts, unreliable
        self.failures: dict[str, int] = {}
        self._broken: dict[str, str] = {}  # by name, what went wrong since the last step
        self._since = 0  # windows with a failure in a row, or nearly so
        self._news: list[tuple[str, str]] = []

    def step(self, view: WindowView) -> list[Verdict]:
        """What a closed window makes people hear."""
        findings: list[Finding] = []
        for detector in self.detectors:
            try:
                findings.extend(detector.judge(view))
            except DetectorFailed as error:
                self._broken[detector.name] = str(error)
                findings += [
                    Finding(detector.name, subject, Opinion.UNKNOWN, view.start, view.end)
                    for subject in self.alerts.subjects(detector.name)
                ]
        findings = with_sampling(doubted(findings, view, self.unreliable) + self._failed(view), view)
        return self.alerts.step(view.start, view.end, findings)

    def finish(self) -> list[Verdict]:
        """The input is over. What fires stays firing."""
        return self.alerts.finish()

    def news(self) -> list[tuple[str, str]]:
        """Names of detectors that broke since the last call, once for each window, and what went wrong."""
        news, self._news = self._news, []
        return news

    def dump(self) -> dict[str, Any]:
        """All memory between windows, as JSON values."""
        return {
            "detectors": {detector.name: detector.dump() for detector in self.detectors},
            "alerts": self.alerts.dump(),
            "failures": {"total": dict(self.failures), "since": self._since},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave. A detector that is new starts afresh; what one that is gone remembered is dropped."""
        for detector in self.detectors:
            if detector.name in state["detectors"]:
                try:
                    detector.load(state["detectors"][detector.name])
                except DetectorFailed as error:
                    self._broken[detector.name] = str(error)
        self.alerts.load(state["alerts"])
        failures = state.get("failures", {})  # snapshots of older versions have none
        self.failures, self._since = dict(failures.get("total", {})), int(failures.get("since", 0))

    def _failed(self, view: WindowView) -> list[Finding]:
        """What to say of detectors that broke: at most one finding, about no subject."""
        broken, self._broken = self._broken, {}
        for name, reason in broken.items():
            self.failures[name] = self.failures.get(name, 0) + 1
            self._news.append((name, reason))
        if not broken and not (self._since and self.alerts.subjects(ERROR)):
            self._since = 0
            return []
        self._since += bool(broken)
        return [
            Finding(
                ERROR,
                Subject(),
                Opinion.BAD if broken else Opinion.GOOD,
                since=view.start,
                until=view.end,
                severity=Severity.WARNING,
                confidence=1.0,
                evidence={
                    "summary": "; ".join(f"{name}: {reason}" for name, reason in sorted(broken.items())),
                    "detectors": sorted(broken),
                    "windows": self._since,
                },
                remedy=REMEDY if broken else "",
            )
        ]
