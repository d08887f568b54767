"""How far captures can be trusted, and whom to speak of: what several detectors need to judge honestly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wireverdict.verdicts import Finding, Opinion, Subject
from wireverdict.windows.view import WindowView

CAPTURE_LOSS = "capture-loss"
"""The detector that judges the capture."""


def missed_share(view: WindowView) -> float:
    """The share of TCP data packets that the capture itself missed, as far as acknowledgements show it."""
    capture = view.capture
    sent = capture.data_packets + capture.missed_events
    return capture.missed_events / sent if sent else 0.0


def drop_share(view: WindowView) -> float:
    """The share of packets that the capture itself lost: what it reports, or what acknowledgements show; the larger."""
    drops, packets = view.capture.reported_drops, view.packets
    return max(missed_share(view), drops / (drops + packets) if drops else 0.0)


def doubted(findings: list[Finding], view: WindowView, limit: float) -> list[Finding]:
    """Unknown instead of good or bad, where the capture reports that it lost more than a share `limit` of the window's
    packets; what is said about the capture itself stays."""
    drops = view.capture.reported_drops
    if not drops or drops <= limit * (drops + view.packets):
        return findings
    return [
        finding if finding.rule == CAPTURE_LOSS else replace(finding, opinion=Opinion.UNKNOWN) for finding in findings
    ]


def capture_quality(view: WindowView) -> dict[str, Any]:
    """The capture as verdicts describe it: shares of 1, counts of packets in this window."""
    capture = view.capture
    described: dict[str, Any] = {"missed_share": missed_share(view)}
    for name in ("late", "overflow", "untracked_dns", "reported_drops"):
        if getattr(capture, name):
            described[f"{name}_packets"] = getattr(capture, name)
    if capture.one_sided_packets and capture.tcp_packets:
        described["one_sided_share"] = capture.one_sided_packets / capture.tcp_packets
    if capture.sampled < 1:
        described["sampled_share"] = capture.sampled
    if capture.final:
        described["cut_by_end_of_capture"] = True
    return described


def confidence(low: float, threshold: float, view: WindowView) -> float:
    """How sure, for a share whose lower bound `low` is over `threshold`: 0.5 just over it, 0.9 from twice as much on
    (or half of what is left), up to 0.99 for everything; less by the share that the capture lost."""
    near = min(2 * threshold, (1 + threshold) / 2)
    sure = 0.5 + 0.4 * min(1.0, (low - threshold) / (near - threshold))
    if low > near:
        sure += 0.09 * (low - near) / (1 - near)
    return max(0.0, sure * (1 - drop_share(view)))


class Watched:
    """Subjects that a detector lately found bad: only of those need it say when they are good again.

    `keep`: ns of packet time after which a subject that was not found bad again is no longer followed.
    """

    def __init__(self, keep: int = 600_000_000_000) -> None:
        self.keep = keep
        self._until: dict[Subject, int] = {}

    def note(self, subject: Subject, opinion: Opinion, now: int) -> bool:
        """Whether to report this opinion of a subject. `now`: the window's end, ns."""
        if opinion is Opinion.BAD:
            self._until[subject] = now + self.keep
            return True
        return self._until.get(subject, now - 1) >= now

    def forget(self, now: int) -> None:
        """Drop subjects whose time is over."""
        self._until = {subject: until for subject, until in self._until.items() if until >= now}

    def __iter__(self) -> Any:
        return iter(sorted(self._until))

    def dump(self) -> list[list[Any]]:
        """As JSON values."""
        return [
            [s.source_ip, s.destination_ip, s.destination_port, s.source_port, s.protocol, until]
            for s, until in sorted(self._until.items())
        ]

    def load(self, state: list[list[Any]]) -> None:
        """Take up what `dump` gave."""
        self._until = {Subject(*fields): until for *fields, until in state}


class Followed:
    """Subjects that were lately bad and are spoken of for some windows more. `windows`: how many."""

    def __init__(self, windows: int) -> None:
        self.windows = windows
        self._left: dict[str, int] = {}

    def next_window(self) -> None:
        """A window has gone by."""
        self._left = {text: left - 1 for text, left in self._left.items() if left > 1}

    def add(self, subject: Subject) -> None:
        """A subject is bad."""
        self._left[subject.text()] = self.windows

    def __contains__(self, subject: Subject) -> bool:
        return subject.text() in self._left

    def __len__(self) -> int:
        return len(self._left)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {"open": dict(sorted(self._left.items()))}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._left = {str(text): int(left) for text, left in state["open"].items()}
