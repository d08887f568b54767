"""How far captures can be trusted, and whom to speak of: what several detectors need to judge honestly."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.detectors.shares import Z95
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
    """The share of packets that the capture itself lost: what it reports, or what acknowledgements show; the larger.

    What it reports concerns the packets of all pairs, those included that were then left out by sampling."""
    drops, packets = view.capture.reported_drops, view.packets + view.capture.left_out
    return max(missed_share(view), drops / (drops + packets) if drops else 0.0)


def doubted(findings: list[Finding], view: WindowView, limit: float) -> list[Finding]:
    """Unknown instead of good or bad, where the capture reports that it lost more than a share `limit` of the window's
    packets; what is said about the capture itself stays."""
    drops = view.capture.reported_drops
    if not drops or drops <= limit * (drops + view.packets + view.capture.left_out):
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
    described |= sampling(view)
    if capture.final:
        described["cut_by_end_of_capture"] = True
    return described


def sampling(view: WindowView) -> dict[str, Any]:
    """What was left out on purpose, for `capture_quality`; empty for nothing."""
    capture = view.capture
    told: dict[str, Any] = {"sampled_share": capture.sampled} if capture.sampled < 1 else {}
    return told | ({"left_out_packets_estimated": capture.left_out} if capture.left_out else {})


def with_sampling(findings: list[Finding], view: WindowView) -> list[Finding]:
    """Findings of any detector, each with what was left out on purpose."""
    told = sampling(view)
    if not told:
        return findings
    return [replace(finding, capture_quality=finding.capture_quality | told) for finding in findings]


def taken_share(view: WindowView) -> float:
    """The share of packets that sampling left: of the window as a whole, also where it changed in its midst."""
    whole = view.packets + view.capture.left_out
    return view.packets / whole if view.capture.left_out else 1.0


def mixed(view: WindowView) -> bool:
    """Whether pairs were left out in a part of the window only: those that came or went have a part of their packets."""
    return view.capture.sampled < 1 and taken_share(view) > 1.01 * view.capture.sampled


def estimates(view: WindowView, pairs: NDArray[Any] | None = None, **counts: NDArray[np.int64]) -> dict[str, Any]:
    """Totals over several address pairs as they were before sampling, for `evidence`: ``attempts_estimated``, and how far
    that may be off, ``attempts_estimated_error_95``. Empty where nothing was left out.

    `counts`: what was seen, a value for each row; `pairs`: to which pair a row belongs (n,) or (n, k), else each is one.
    A pair is in the sample as a whole, with probability s, independently of others (Poisson sampling): the sum over s
    estimates the total, and the sum of squares by pair, times (1 - s) / s², its variance (Horvitz and Thompson, JASA 47,
    1952). Of one pair there is nothing to estimate: all of its packets were seen.
    """
    share = taken_share(view)
    if share >= 1:
        return {}
    told: dict[str, Any] = {}
    for name, values in counts.items():
        if pairs is not None:
            _, of = np.unique(pairs, axis=0, return_inverse=True)
            values = np.bincount(of.ravel(), values).astype(np.int64)
        squares = float((values.astype(float) ** 2).sum())
        told[f"{name}_estimated"] = round(int(values.sum()) / share)
        told[f"{name}_estimated_error_95"] = round(Z95 * math.sqrt((1 - share) * squares) / share)
    return told


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


class Worked:
    """Pairs that were seen to work, by 64-bit name: the `least` seen last at least, some times as many at most."""

    def __init__(self, least: int = 50_000) -> None:
        self.least = least
        self._late = self._before = np.zeros(0, np.uint64)
        self._fresh: list[NDArray[np.uint64]] = []
        self._count = 0  # of them

    def add(self, names: NDArray[np.uint64]) -> None:
        """These work, uint64 (n,). They are sorted when somebody asks, which hardly happens where all is well."""
        self._fresh.append(names)
        self._count += len(names)
        if self._count >= self.least:
            self._settle()

    def knows(self, names: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of some names did work, bool (n,)."""
        self._settle()
        known = np.zeros(len(names), np.bool_)
        for half in (self._late, self._before):
            if len(half):
                known |= half[np.minimum(np.searchsorted(half, names), len(half) - 1)] == names
        return known

    def dump(self) -> list[list[int]]:
        """As JSON values."""
        return [names.tolist() for names in (self._late, self._before, *self._fresh)]

    def load(self, state: list[list[int]]) -> None:
        """Take up what `dump` gave."""
        self._late, self._before, *self._fresh = (np.array(names, np.uint64) for names in state)
        self._count = sum(map(len, self._fresh))

    def _settle(self) -> None:
        if self._count:
            names = np.sort(np.concatenate([self._late, *self._fresh]))
            self._late = names[np.r_[True, names[1:] != names[:-1]]]
            if len(self._late) >= self.least:
                self._late, self._before = self._late[:0], self._late
        self._fresh, self._count = [], 0
