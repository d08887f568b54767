"""`throttling-ratio`: packets come back more seldom than they used to, or than the protocol allows.

A host that keeps sending the same kind of packets at about the same rate, and gets far fewer in return, is being
throttled. Two measures: a floor for protocols where each request has an answer, and a baseline that each subject
teaches while it is well. Kinds of traffic are told apart by the size of the packets sent, since a host that changes
from reading to writing changes its ratio without any fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.detectors.quality import Watched, capture_quality, drop_share
from wireverdict.detectors.shares import wilson
from wireverdict.detectors.traffic import IN, OUT, OUT_BYTES, Lanes, lanes
from wireverdict.headers import UDP
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.home import address_text
from wireverdict.windows.view import WindowView

REMEDY = (
    "{subject} gets {ratio:.2g} packets back for each one sent, where {usual:.2g} is {why}. Packets or their answers "
    "are being dropped or rate-limited: compare captures on both sides of the gateway, and look for full "
    "connection-tracking tables, rate limits per address or port, and cloud packet allowances."
)


class ThrottlingRatioSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Packets are those of one window."""

    min_out: int = 200
    """packets out: fewer make a ratio of chance."""
    floor: float = 0.5
    """packets in per packet out below which a request/response protocol is throttled: half go unanswered."""
    critical_floor: float = 0.2
    """… from which that is critical: four of five unanswered."""
    request_ports: tuple[int, ...] = (53, 123, 161, 1812, 1813)
    """UDP services where each request has an answer: DNS, NTP, SNMP, RADIUS."""
    drop: float = 3.0
    """times below the baseline. Delayed or stretched acknowledgements double or halve a ratio without any fault
    (RFC 5681 asks for one for every second segment), so it takes more than that."""
    critical_drop: float = 10.0
    """times below the baseline for critical."""
    least_windows: int = 6
    """windows that make a baseline: a minute."""
    most_windows: int = 60
    """windows that a baseline remembers: ten minutes, so that it follows the day."""
    spread: float = 0.5
    """of the median: the middle half of a baseline's ratios must lie this close together, or there is no usual."""
    rate_range: float = 4.0
    """times the usual rate of packets out, up or down, within which ratios are compared. Retries triple a rate; more is
    another kind of traffic."""
    max_subjects: int = 10_000
    """baselines kept; those longest without traffic go first."""


class _Part(NamedTuple):
    """A finding about some of a host's lanes."""

    finding: Finding
    rows: NDArray[np.intp]


class ThrottlingRatio:
    """See the module."""

    name = "throttling-ratio"

    def __init__(self, settings: ThrottlingRatioSettings | None = None) -> None:
        self.settings = settings or ThrottlingRatioSettings()
        self._watched = Watched()
        self._baselines: dict[tuple[Subject, int], list[tuple[float, int]]] = {}
        """(ratio, packets out) of good windows, by subject and size class of packets out (bits of bytes per packet)."""

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """See `detectors.base.Detector`."""
        local = lanes(view)
        if not len(local.counts):
            return []
        found: list[Finding] = []
        for _, host_total, host_rows in local.by(local.host):
            if host_total[OUT] < self.settings.min_out:
                continue
            found += self._host(local.where(host_rows), host_total, view)
        self._watched.forget(view.end)
        while len(self._baselines) > self.settings.max_subjects:
            del self._baselines[next(iter(self._baselines))]
        return [finding for finding in found if self._watched.note(finding.subject, finding.opinion, view.end)]

    def dump(self) -> dict[str, Any]:
        """See `detectors.base.Detector`."""
        baselines = [
            [[s.source_ip, s.destination_ip, s.destination_port, s.source_port, s.protocol], kind, past]
            for (s, kind), past in self._baselines.items()
        ]
        return {"watched": self._watched.dump(), "baselines": baselines}

    def load(self, state: dict[str, Any]) -> None:
        """See `detectors.base.Detector`."""
        self._watched.load(state["watched"])
        self._baselines = {
            (Subject(*fields), kind): [(ratio, out) for ratio, out in past] for fields, kind, past in state["baselines"]
        }

    def _services(self, mine: Lanes, view: WindowView) -> Iterable[_Part]:
        """Services that the host asks over UDP. (Over TCP peers differ too much in how often they acknowledge.)"""
        asked = np.flatnonzero(mine.asks & (mine.protocol == UDP) & (mine.port > 0))
        lanes = mine.where(asked)
        for (hi, lo, port), total, rows in lanes.by(lanes.host, lanes.port):
            if total[OUT] >= self.settings.min_out:
                subject = Subject(address_text(hi, lo), destination_port=port, protocol="udp")
                floor = self.settings.floor if port in self.settings.request_ports else 0.0
                yield _Part(self._judge(subject, total, lanes.where(rows), view, floor), asked[rows])

    def _peers(self, mine: Lanes, view: WindowView) -> Iterable[_Part]:
        """Peers, over all protocols but those that have a floor."""
        floored = (mine.protocol == UDP) & mine.asks & np.isin(mine.port, self.settings.request_ports)
        rest = np.flatnonzero(~floored)
        lanes = mine.where(rest)
        for (hi, lo, peer_hi, peer_lo), total, rows in lanes.by(lanes.host, lanes.peer):
            if total[OUT] >= self.settings.min_out:
                subject = Subject(address_text(hi, lo), address_text(peer_hi, peer_lo))
                yield _Part(self._judge(subject, total, lanes.where(rows), view, 0.0), rest[rows])

    def _host(self, mine: Lanes, total: Any, view: WindowView) -> list[Finding]:
        """All findings about one host. Packets are told once: a service speaks for peers of which it is the most; the
        host speaks for all, if its own ratio is bad and two or more of its parts, most of its packets, are."""
        out = mine.counts[:, OUT]
        worse, findings = np.zeros(len(out), bool), []
        spoken: list[Finding] = []
        for finding, rows in self._services(mine, view):
            if finding.opinion is Opinion.BAD:
                worse[rows] = True
                spoken.append(finding)
            else:
                findings.append(finding)
        by_service = worse.copy()
        for finding, rows in self._peers(mine, view):
            if finding.opinion is not Opinion.BAD:
                findings.append(finding)
            elif 2 * out[rows[by_service[rows]]].sum() >= out[rows].sum():
                findings.append(_quiet(finding))
            else:
                worse[rows] = True
                spoken.append(finding)
        host = mine.host[0].tolist()
        whole = self._judge(Subject(address_text(*host)), total, mine, view, 0.0)
        if whole.opinion is Opinion.BAD:
            if len(spoken) > 1 and 2 * out[worse].sum() >= out.sum():
                spoken = [_quiet(finding) for finding in spoken]
            else:
                whole = _quiet(whole)
        return [whole, *spoken, *findings]

    def _judge(self, subject: Subject, total: Any, its: Lanes, view: WindowView, floor: float) -> Finding:
        """A subject's window against the floor and its baseline; teaches the baseline if it is good."""
        config = self.settings
        out, back = int(total[OUT]), int(total[IN])
        ratio, kind = back / out, (int(total[OUT_BYTES]) // out).bit_length()
        past = self._baselines.pop((subject, kind), [])
        usual = median(r for r, _ in past) if len(past) >= config.least_windows else None
        rate = median(n for _, n in past) if past else 0
        steady = usual is not None and usual > 0 and _middle_half(past) <= config.spread * usual
        alike = rate and rate / config.rate_range <= out <= rate * config.rate_range
        opinion, severe, why, wanted = Opinion.GOOD, False, "", 0.0
        if floor and wilson(min(back, out), out)[1] < floor:
            opinion, severe = Opinion.BAD, ratio < config.critical_floor
            why, wanted = "the least that this request/response protocol gives", floor
        if usual is not None and ratio * config.drop < usual:
            if opinion is Opinion.GOOD:
                opinion = Opinion.BAD if steady and alike else Opinion.UNKNOWN
            severe = severe or (opinion is Opinion.BAD and ratio * config.critical_drop < usual)
            why, wanted = (why, wanted) if floor and wanted else ("usual", usual)
        elif opinion is Opinion.GOOD and usual is not None and 2 * ratio < usual:
            opinion = Opinion.UNKNOWN
        if opinion is Opinion.BAD and not self._can_tell(subject, back, usual, view):
            opinion = Opinion.UNKNOWN
        if opinion is Opinion.GOOD:
            past = [*past, (ratio, out)][-config.most_windows :]
        if past:
            self._baselines[subject, kind] = past  # the last one taught is the last to be forgotten
        bad = opinion is Opinion.BAD
        evidence: dict[str, Any] = {
            "packets_out": out,
            "packets_in": back,
            "ratio": ratio,
            "baseline_ratio": usual,
            "baseline_windows": len(past),
            "floor": floor or None,
            "bytes_per_packet_out": int(total[OUT_BYTES]) / out,
        }
        if bad:
            evidence["busiest_destinations"] = its.busiest()
        return Finding(
            self.name,
            subject,
            opinion,
            since=view.start,
            until=view.end,
            severity=Severity.CRITICAL if severe else Severity.WARNING,
            confidence=self._confidence(ratio, wanted, view) if bad else 0.0,
            evidence=evidence,
            capture_quality=capture_quality(view) if bad else {},
            remedy=REMEDY.format(subject=subject.text(), ratio=ratio, usual=wanted, why=why) if bad else "",
        )

    def _can_tell(self, subject: Subject, back: int, usual: float | None, view: WindowView) -> bool:
        """Whether packets towards the host would have been captured: it is seen to receive, or was."""
        if back or usual:
            return True
        return subject.source_ip in {address_text(*who) for who in view.hearing}

    @staticmethod
    def _confidence(ratio: float, wanted: float, view: WindowView) -> float:
        """0.6 at the threshold, 0.95 when next to nothing comes back; less by what the capture lost."""
        return (0.95 - 0.35 * min(1.0, ratio / wanted)) * (1 - drop_share(view)) if wanted else 0.0


def _quiet(finding: Finding) -> Finding:
    """The same, but it opens nothing."""
    return Finding(
        finding.rule, finding.subject, Opinion.UNKNOWN, finding.since, finding.until, evidence=finding.evidence
    )


def _middle_half(past: list[tuple[float, int]]) -> float:
    """How far apart the quartiles of the ratios are."""
    ratios = sorted(ratio for ratio, _ in past)
    return ratios[3 * len(ratios) // 4] - ratios[len(ratios) // 4]
