"""The capture misses packets: every other verdict of the window is worth less.

Two kinds of evidence: hosts acknowledge data that was never captured, and drops that the capturing side itself reports.
A direction that is not captured at all is not loss (it is named as one-sidedness where it matters).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wireverdict.detectors.quality import CAPTURE_LOSS, mixed, taken_share
from wireverdict.detectors.shares import wilson_lower
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.view import WindowView

REMEDY = (
    "The capture missed about {share:.1%} of the data: packets were acknowledged that it never saw. Other verdicts of "
    "this time are less certain. Give the capture more buffer (tcpdump -B, the ring size), a narrower filter or a "
    "shorter snap length, and look for drops at the mirror port."
)


class CaptureLossSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the fields."""

    min_events: int = 10
    """acknowledgements of unseen data in a window: a few may come from a connection that began before the capture."""
    warning_share: float = 0.01
    """lower 95 % bound of missed to data packets; at 1 % TCP counts are visibly wrong."""
    critical_share: float = 0.1
    """… for critical: nothing in the window can be relied on."""

    def __post_init__(self) -> None:
        if not 0 < self.warning_share <= self.critical_share <= 1:
            raise ValueError("capture_loss: it must be 0 < warning_share <= critical_share <= 1; they are shares of 1")


class CaptureLoss:
    """See the module. Keeps nothing between windows."""

    name = CAPTURE_LOSS

    def __init__(self, settings: CaptureLossSettings | None = None) -> None:
        self.settings = settings or CaptureLossSettings()

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """At most one finding, about the capture as a whole (an empty subject)."""
        capture = view.capture
        seen = capture.data_packets
        if not seen and not capture.reported_drops:
            return []
        # a missed event may hide several packets: bytes say how many, by the mean size of those seen
        mean = capture.payload_bytes / seen if seen else 0.0
        missed = max(capture.missed_events, round(capture.missed_bytes / mean) if mean else 0)
        torn = mixed(view)  # what pairs miss that are taken again was left out on purpose
        missed = 0 if torn else missed
        missed += round(capture.reported_drops * taken_share(view))  # of the pairs that were not left out by sampling
        total = seen + missed
        share = wilson_lower(missed, total)
        enough = (not torn and capture.missed_events >= self.settings.min_events) or (
            capture.reported_drops >= self.settings.min_events
        )
        bad = enough and share > self.settings.warning_share
        if not bad and (torn or seen < self.settings.min_events / self.settings.warning_share):
            return []
        return [
            Finding(
                self.name,
                Subject(),
                Opinion.BAD if bad else Opinion.GOOD,
                since=view.start,
                until=view.end,
                severity=Severity.CRITICAL if share > self.settings.critical_share else Severity.WARNING,
                confidence=round(min(0.99, 0.7 + share), 3),
                evidence={
                    "missed_share": missed / total,
                    "missed_share_lower_95": share,
                    "missed_bytes": capture.missed_bytes,
                    "missed_events": capture.missed_events,
                    "reported_drops": capture.reported_drops,
                    "data_packets": seen,
                },
                remedy=REMEDY.format(share=missed / total),
            )
        ]

    def dump(self) -> dict[str, Any]:
        """Nothing is kept."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Nothing is kept."""
