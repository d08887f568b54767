"""So much is sent again that little gets through: loss on the path, whatever its cause.

Retransmissions that the receiver proved needless, and packets that were captured twice, are left out. Where a policer is
found to be the cause, its verdict speaks and this one does not. Where the capture itself misses packets the counts say
nothing (a copy whose original was not captured looks like new data), and the finding is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from wireverdict.detectors.policing import text_of
from wireverdict.detectors.quality import Followed, Watched
from wireverdict.detectors.shares import wilson_lower
from wireverdict.paths.view import PathView
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.fields import Count
from wireverdict.windows.home import address_text
from wireverdict.windows.view import Table, WindowView

TOLD = (
    Count.DATA_PACKETS,
    Count.ACKED_BYTES,
    Count.RETRANSMISSIONS,
    Count.RETRANSMITTED_BYTES,
    Count.SPURIOUS,
    Count.OUT_OF_ORDER,
    Count.MISSED_BYTES,
    Count.MISSED_EVENTS,
    Count.COPIES,
)
"""Counts that the evidence is made of."""
REMEDY = (
    "{again} of {data} data packets from {sender} to {receiver} were sent again. Compare both ends' interface errors "
    "and drops (ethtool -S, tc -s qdisc), look for a policing or bufferbloat verdict about the same path, and for a "
    "duplex or MTU mismatch; mtr in both directions shows where the loss begins."
)


class RetransmissionStormSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the fields."""

    min_retransmissions: int = 20
    """needed ones in a window and direction: an unlucky burst of one transfer is less."""
    warning_share: float = 0.1
    """lower 95 % bound of retransmissions to data packets: loss-based congestion control stays well under 5 %."""
    critical_share: float = 0.3
    """… for critical: with every third packet lost, time-outs dominate and transfers stand still."""
    max_missed_share: float = 0.02
    """of data packets that the capture itself may have missed, above which nothing can be told."""


_ONCE = 0.85
"""Confidence at most in a window before which there was none: a slow start into a short queue or a full bucket loses half of
what it sent, once. A storm lasts."""


def _policed(view: WindowView) -> set[Subject]:
    """Directions in which a policer was found: it drops whatever exceeds it, and its own verdict says so."""
    cases = view.paths.policing if isinstance(view.paths, PathView) else []
    found = [case for case in cases if case.judgement.policed]
    return {Subject(text_of(case.sender), text_of(case.receiver), protocol="tcp") for case in found}


class RetransmissionStorm:
    """See the module. Keeps the subjects that were lately bad, to say when they are good again."""

    name = "retransmission-storm"

    def __init__(self, settings: RetransmissionStormSettings | None = None) -> None:
        self.settings = settings or RetransmissionStormSettings()
        self._watched = Watched()
        self._before = Followed(2)
        """Those that were bad in the window before."""

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """One finding for each direction of a pair that sent much again, or did so lately and now sends much."""
        self._watched.forget(view.end)
        self._before.next_window()
        followed = bool(list(self._watched))
        table = self._candidates(view, followed)
        if not len(table.keys):
            return []
        again = table.of(Count.RETRANSMISSIONS)
        # a mirror port that delivers packets twice looks like a storm and is none
        copies = table.of(Count.COPIES)
        needed = np.maximum(again - table.of(Count.SPURIOUS) - copies, 0)
        data = table.of(Count.DATA_PACKETS) - copies
        enough = needed >= self.settings.min_retransmissions
        # as much data that a storm would have shown: silence about a storm that was, means that it is over
        busy = data * self.settings.warning_share >= self.settings.min_retransmissions
        findings = []
        policed = _policed(view)
        # each count once: a table sums its columns anew whenever it is asked, and there may be thousands of findings
        told = {count: table.of(count) for count in TOLD}
        for row, side in np.argwhere(enough | busy if followed else enough):
            finding = self._finding(
                view, table.keys[row], int(side), int(needed[row, side]), {c: int(told[c][row, side]) for c in TOLD}
            )
            if finding.opinion is Opinion.BAD and finding.subject in policed:
                finding = replace(finding, opinion=Opinion.UNKNOWN)
            elif finding.opinion is Opinion.BAD:
                if finding.subject not in self._before:
                    finding = replace(finding, severity=Severity.WARNING, confidence=min(finding.confidence, _ONCE))
                self._before.add(finding.subject)
            if self._watched.note(finding.subject, finding.opinion, view.end):
                findings.append(finding)
        return findings

    def dump(self) -> dict[str, Any]:
        """Subjects that were lately bad."""
        return {"watched": self._watched.dump(), "before": self._before.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._watched.load(state["watched"])
        self._before.load(state["before"])

    def _candidates(self, view: WindowView, followed: bool) -> Table:
        """Pairs that may have retransmissions enough, or data enough to show that a storm is over."""
        rows, least = view.services.rows, self.settings.min_retransmissions
        chosen = rows.pairs.sums(rows.of(Count.RETRANSMISSIONS)).max(axis=1) >= least
        if followed:
            data = rows.pairs.sums(rows.of(Count.DATA_PACKETS))
            chosen |= data.max(axis=1) * self.settings.warning_share >= least
        return view.some_pairs(chosen)

    def _finding(self, view: WindowView, key: np.void, side: int, needed: int, mine: dict[Count, int]) -> Finding:
        ends = (address_text(key["low_hi"], key["low_lo"]), address_text(key["high_hi"], key["high_lo"]))
        sender, receiver = ends[side], ends[1 - side]
        data = mine[Count.DATA_PACKETS] - mine[Count.COPIES]
        share = wilson_lower(min(needed, data), data)
        missed = mine[Count.MISSED_EVENTS] / data if data else 0.0
        opinion = Opinion.GOOD
        if share > self.settings.warning_share and needed >= self.settings.min_retransmissions:
            opinion = Opinion.BAD if missed <= self.settings.max_missed_share else Opinion.UNKNOWN
        elif needed > data * self.settings.warning_share:
            opinion = Opinion.UNKNOWN
        return Finding(
            self.name,
            Subject(source_ip=sender, destination_ip=receiver, protocol="tcp"),
            opinion,
            since=view.start,
            until=view.end,
            severity=Severity.CRITICAL if share > self.settings.critical_share else Severity.WARNING,
            confidence=round(min(0.99, 0.6 + share) * (1.0 - min(missed, 1.0)), 3),
            evidence={
                "data_packets": data,
                "retransmissions": mine[Count.RETRANSMISSIONS],
                "spurious_retransmissions": mine[Count.SPURIOUS],
                "retransmitted_bytes": mine[Count.RETRANSMITTED_BYTES],
                "retransmission_share": needed / data if data else None,
                "retransmission_share_lower_95": share,
                "out_of_order": mine[Count.OUT_OF_ORDER],
                "acked_bytes": mine[Count.ACKED_BYTES],
            },
            capture_quality={
                "missed_bytes": mine[Count.MISSED_BYTES],
                "missed_events": mine[Count.MISSED_EVENTS],
                "captured_twice": mine[Count.COPIES],
            },
            remedy=REMEDY.format(again=needed, data=data, sender=sender, receiver=receiver),
        )
