"""The detector of bufferbloat: a queue that grows with a connection's own load and makes everyone behind it wait.

The evidence is gathered and judged by `wireverdict.paths`; here it becomes findings, one for each path: from the
address that sends to the one that receives.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wireverdict.detectors.policing import text_of
from wireverdict.detectors.quality import Followed
from wireverdict.paths.layout import NEAR
from wireverdict.paths.view import LoadCase, PathView
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.view import WindowView

REMEDY = (
    "Packets wait {delay:.0f} ms in an oversized queue {place} when {sender} sends at full rate (grade {grade}). "
    "Put smart queue management (fq_codel, CAKE, PIE) on the slowest link there, shaped just below its rate "
    "({rate:.3g} Mbit/s), or shorten its queue; until then limit this transfer's rate."
)


class BufferbloatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the fields. The judge's own thresholds are in `paths.bufferbloat`."""

    critical_delay: float = 400.0
    """ms of waiting, median under load, from which the verdict is critical: grade F, calls break."""
    follow: int = 6
    """windows for which a path is still spoken of after a queue last stood on it."""


class Bufferbloat:
    """See the module."""

    name = "bufferbloat"

    def __init__(self, settings: BufferbloatSettings | None = None) -> None:
        self.settings = settings or BufferbloatSettings()
        self._open = Followed(self.settings.follow)

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """One finding for each path with a standing queue, and for those that lately had one."""
        paths = view.paths
        if not isinstance(paths, PathView):
            return []
        self._open.next_window()
        worst: dict[Subject, LoadCase] = {}
        for case in paths.loads:
            subject = _subject(case.sender, case.receiver)
            known = worst.get(subject)
            if known is None or _weight(case) > _weight(known):
                worst[subject] = case
        findings = []
        for subject, case in worst.items():
            if case.bloat.answer:
                self._open.add(subject)
                findings.append(self._bad(subject, case, paths))
            elif subject in self._open:
                findings.append(self._other(subject, Opinion.UNKNOWN, paths, evidence(case)))
        if len(self._open):
            for ends in sorted(paths.calm):
                subject = _subject(*ends)
                if subject in self._open and subject not in worst:
                    findings.append(self._other(subject, Opinion.GOOD, paths, {}))
        return findings

    def dump(self) -> dict[str, Any]:
        """All memory between windows."""
        return self._open.dump()

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._open.load(state)

    def _bad(self, subject: Subject, case: LoadCase, paths: PathView) -> Finding:
        bloat = case.bloat
        astray = abs((bloat.kappa or 0.0) - 1.0)  # from what a standing queue predicts
        return Finding(
            self.name,
            subject,
            Opinion.BAD,
            since=bloat.first * 1_000_000_000,
            until=paths.end,
            severity=Severity.CRITICAL if bloat.queue_delay >= self.settings.critical_delay else Severity.WARNING,
            confidence=round(min(1.0, 0.5 + bloat.bloated / 20) * (1.0 - astray / 2), 3),
            evidence=evidence(case),
            capture_quality=dict(paths.full),
            remedy=REMEDY.format(
                delay=bloat.queue_delay,
                place=_place(case),
                sender=subject.source_ip,
                grade=bloat.grade,
                rate=bloat.throughput_bps / 1e6,
            ),
        )

    def _other(self, subject: Subject, opinion: Opinion, paths: PathView, found: dict[str, Any]) -> Finding:
        return Finding(self.name, subject, opinion, paths.start, paths.end, evidence=found)


def evidence(case: LoadCase) -> dict[str, Any]:
    """The numbers that decided."""
    bloat = case.bloat
    return {
        "grade": bloat.grade,
        "queue": _place(case),
        "base_rtt_ms": bloat.base_rtt,
        "loaded_rtt_p50_ms": bloat.loaded_rtt,
        "loaded_rtt_p95_ms": bloat.loaded_rtt_p95,
        "queue_delay_ms": bloat.queue_delay,
        "kappa": bloat.kappa,
        "in_flight_bytes": bloat.in_flight,
        "throughput_bps": bloat.throughput_bps,
        "seconds_under_load": bloat.seconds,
        "seconds_bloated": bloat.bloated,
        "rtt_samples": bloat.samples,
        "source_port": case.sender_port,
        "destination_port": case.receiver_port,
    }


def _place(case: LoadCase) -> str:
    if case.part == NEAR:
        return f"between the capture point and {text_of(case.receiver)}"
    return f"between {text_of(case.sender)} and the capture point"


def _subject(sender: bytes, receiver: bytes) -> Subject:
    return Subject(source_ip=text_of(sender), destination_ip=text_of(receiver), protocol="tcp")


def _weight(case: LoadCase) -> tuple[bool, float]:
    return case.bloat.answer is True, case.bloat.queue_delay
