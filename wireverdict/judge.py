"""Closed windows in, verdicts out: the detectors and the life of alerts of one sensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wireverdict.alerts import Alerts
from wireverdict.detectors.base import Detector
from wireverdict.verdicts import Verdict
from wireverdict.windows.view import WindowView


class Judge:
    """Sees each window of the whole sensor once, in order of time."""

    def __init__(self, detectors: Sequence[Detector], alerts: Alerts) -> None:
        self.detectors, self.alerts = list(detectors), alerts

    def step(self, view: WindowView) -> list[Verdict]:
        """What a closed window makes people hear."""
        findings = [finding for detector in self.detectors for finding in detector.judge(view)]
        return self.alerts.step(view.start, view.end, findings)

    def finish(self) -> list[Verdict]:
        """The input is over. What fires stays firing."""
        return self.alerts.finish()

    def dump(self) -> dict[str, Any]:
        """All memory between windows, as JSON values."""
        return {
            "detectors": {detector.name: detector.dump() for detector in self.detectors},
            "alerts": self.alerts.dump(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave. A detector that is new starts afresh; what one that is gone remembered is dropped."""
        for detector in self.detectors:
            if detector.name in state["detectors"]:
                detector.load(state["detectors"][detector.name])
        self.alerts.load(state["alerts"])
