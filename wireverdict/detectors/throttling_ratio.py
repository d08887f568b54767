"""`throttling-ratio`: packets come back more seldom than they used to, or than the protocol allows.

A host that keeps sending the same kind of packets at about the same rate, and gets far fewer in return, is being
throttled. Two measures: a floor for protocols where each request has an answer, and a baseline that each subject
teaches while it is well. Kinds of traffic are told apart by the size of the packets sent, since a host that changes
from reading to writing changes its ratio without any fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.detectors.baselines import Baselines, Key, Usual
from wireverdict.detectors.quality import Watched, capture_quality, drop_share, estimates, mixed
from wireverdict.detectors.shares import wilson
from wireverdict.detectors.traffic import IN, OUT, Lanes, lanes
from wireverdict.headers import UDP
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.home import address_halves, address_text
from wireverdict.windows.view import WindowView

_SERVICE, _PEER, _HOST = range(3)
_DOUBT = 2.0
"""times below the usual from which a window teaches nothing."""
_FINE = 1 << 32
"""Parts of 1 in which baselines hold shares of pairs."""

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


class _Outcome(NamedTuple):
    """What was thought of one subject."""

    subject: Subject
    opinion: Opinion
    severe: bool
    total: NDArray[np.int64]
    lanes: Lanes
    rows: NDArray[np.intp]
    """Of the window's lanes."""
    usual: Usual | None
    floor: float
    why: str
    wanted: float


class ThrottlingRatio:
    """See the module."""

    name = "throttling-ratio"

    def __init__(self, settings: ThrottlingRatioSettings | None = None) -> None:
        self.settings = settings or ThrottlingRatioSettings()
        self._watched = Watched()
        self._baselines = Baselines(self.settings.most_windows, self.settings.max_subjects)

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """See `detectors.base.Detector`."""
        local = lanes(view)
        if not len(local.counts):
            return []
        follow = set(self._watched)
        asked = local.asks & (local.protocol == UDP) & (local.port > 0)
        floored = asked & np.isin(local.port, self.settings.request_ports)
        everything = np.arange(len(local.counts))
        # Services over TCP are not summed up: peers differ too much in how often they acknowledge.
        services = self._weigh_all(_SERVICE, local, np.flatnonzero(asked), view, follow)
        peers = self._weigh_all(_PEER, local, np.flatnonzero(~floored), view, follow)
        hosts = self._weigh_all(_HOST, local, everything, view, follow)
        spoken = _once(services, peers, hosts, local.counts[:, OUT])
        findings = [
            self._finding(outcome, view)
            for outcome in spoken
            if self._watched.note(outcome.subject, outcome.opinion, view.end)
        ]
        self._watched.forget(view.end)
        return findings

    def dump(self) -> dict[str, Any]:
        """See `detectors.base.Detector`."""
        return {"watched": self._watched.dump(), "baselines": self._baselines.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """See `detectors.base.Detector`."""
        self._watched.load(state["watched"])
        self._baselines.load(state["baselines"])

    def _weigh_all(
        self, kind: int, local: Lanes, rows: NDArray[np.intp], view: WindowView, follow: set[Subject]
    ) -> list[_Outcome]:
        """Weigh the subjects of one kind with packets enough; gives those that are not simply good, or are followed."""
        part = local.where(rows)
        columns = {_SERVICE: (part.host, part.port), _PEER: (part.host, part.peer), _HOST: (part.host,)}[kind]
        groups = part.by(*columns, least=self.settings.min_out)
        found = []
        share = 1.0 if kind == _PEER else view.capture.sampled
        # other pairs have other ratios: sums of some pairs are compared with earlier sums of the same pairs
        sample = (round(share * _FINE),) if share < 1 else ()
        torn = share < 1 and mixed(view)
        followed = {_name(subject) for subject in follow}
        for at, (key, total) in enumerate(zip(groups.keys.tolist(), groups.sums, strict=True)):
            out, back, size = total.tolist()
            floor = self.settings.floor if kind == _SERVICE and key[2] in self.settings.request_ports else 0.0
            name = (kind, *key)
            baseline = () if torn else (*name, (size // out).bit_length(), *sample)
            ratio = back / out
            if ratio >= floor and name not in followed and not self._baselines.below(baseline, ratio, _DOUBT):
                if baseline:
                    self._baselines.teach(baseline, ratio, out)
                continue
            here = groups.rows(at)
            found.append(self._weigh(_subject(kind, key), baseline, total, floor, view, part.where(here), rows[here]))
        return found

    def _weigh(
        self,
        subject: Subject,
        baseline: Key,
        total: NDArray[np.int64],
        floor: float,
        view: WindowView,
        its: Lanes,
        rows: NDArray[np.intp],
    ) -> _Outcome:
        """A subject's window against the floor and its baseline; teaches the baseline if it is good. `baseline`: () for none,
        where pairs were left out from some moment of the window on."""
        config = self.settings
        out, back = int(total[OUT]), int(total[IN])
        ratio, usual = back / out, self._baselines.usual(baseline)
        if usual is not None and usual.windows < config.least_windows:
            usual = None
        opinion, severe, why, wanted = Opinion.GOOD, False, "", 0.0
        if floor and wilson(min(back, out), out)[1] < floor:
            opinion, severe = Opinion.BAD, ratio < config.critical_floor
            why, wanted = "the least that this request/response protocol gives", floor
        if usual and ratio * config.drop < usual.ratio:
            if opinion is Opinion.GOOD:
                steady = usual.spread <= config.spread * usual.ratio
                alike = usual.rate / config.rate_range <= out <= usual.rate * config.rate_range
                opinion = Opinion.BAD if steady and alike else Opinion.UNKNOWN
                why, wanted = "usual", usual.ratio
            severe = severe or (opinion is Opinion.BAD and ratio * config.critical_drop < usual.ratio)
        elif opinion is Opinion.GOOD and usual and ratio * _DOUBT < usual.ratio:
            opinion = Opinion.UNKNOWN
        if opinion is Opinion.BAD and not (back or usual or address_halves(subject.source_ip) in view.hearing):
            opinion = Opinion.UNKNOWN  # nothing is ever seen to come back to this host: half of a capture
        if opinion is Opinion.GOOD and baseline:
            self._baselines.teach(baseline, ratio, out)
        return _Outcome(subject, opinion, severe, total, its, rows, usual, floor, why, wanted)

    def _finding(self, outcome: _Outcome, view: WindowView) -> Finding:
        out, back, size = outcome.total.tolist()
        usual, bad, subject = outcome.usual, outcome.opinion is Opinion.BAD, outcome.subject
        evidence: dict[str, Any] = {
            "packets_out": out,
            "packets_in": back,
            "ratio": back / out,
            "baseline_ratio": usual.ratio if usual else None,
            "baseline_windows": usual.windows if usual else 0,
            "floor": outcome.floor or None,
            "bytes_per_packet_out": size / out,
        }
        if bad:
            evidence["busiest_destinations"] = outcome.lanes.busiest()
            if not subject.destination_ip:
                counts = outcome.lanes.counts
                evidence |= estimates(view, outcome.lanes.peer, packets_out=counts[:, OUT], packets_in=counts[:, IN])
        # 0.6 at the threshold, 0.95 when next to nothing comes back; less by what the capture lost
        near = min(1.0, back / out / outcome.wanted) if outcome.wanted else 1.0
        return Finding(
            self.name,
            subject,
            outcome.opinion,
            since=view.start,
            until=view.end,
            severity=Severity.CRITICAL if outcome.severe else Severity.WARNING,
            confidence=(0.95 - 0.35 * near) * (1 - drop_share(view)) if bad else 0.0,
            evidence=evidence,
            capture_quality=capture_quality(view) if bad else {},
            remedy=REMEDY.format(subject=subject.text(), ratio=back / out, usual=outcome.wanted, why=outcome.why)
            if bad
            else "",
        )


def _once(
    services: list[_Outcome], peers: list[_Outcome], hosts: list[_Outcome], out: NDArray[np.int64]
) -> list[_Outcome]:
    """Packets are told once: a service speaks for peers of which it is the most; the host speaks for all, if its own ratio
    is bad and two or more of its parts, most of its packets, are. `out`: packets by lane."""
    worse = np.zeros(len(out), bool)
    for service in services:
        worse[service.rows] |= service.opinion is Opinion.BAD
    spoken = services.copy()
    by_service = worse.copy()
    for peer in peers:
        if peer.opinion is Opinion.BAD:
            if 2 * out[peer.rows[by_service[peer.rows]]].sum() >= out[peer.rows].sum():
                peer = _quiet(peer)
            else:
                worse[peer.rows] = True
        spoken.append(peer)
    for host in hosts:
        if host.opinion is Opinion.BAD:
            mine = [part.subject.source_ip == host.subject.source_ip and part.opinion is Opinion.BAD for part in spoken]
            if sum(mine) > 1 and 2 * out[host.rows[worse[host.rows]]].sum() >= out[host.rows].sum():
                spoken = [_quiet(part) if its else part for part, its in zip(spoken, mine, strict=True)]
            else:
                host = _quiet(host)
        spoken.append(host)
    return spoken


def _quiet(outcome: _Outcome) -> _Outcome:
    """The same, but it opens nothing."""
    return outcome._replace(opinion=Opinion.UNKNOWN)


def _subject(kind: int, key: list[int]) -> Subject:
    host = address_text(key[0], key[1])
    if kind == _SERVICE:
        return Subject(host, destination_port=key[2], protocol="udp")
    return Subject(host, address_text(key[2], key[3])) if kind == _PEER else Subject(host)


def _name(subject: Subject) -> Key:
    """Kind and key of a subject, as `_weigh_all` has them."""
    host = address_halves(subject.source_ip)
    if subject.destination_port:
        return (_SERVICE, *host, subject.destination_port)
    return (_PEER, *host, *address_halves(subject.destination_ip)) if subject.destination_ip else (_HOST, *host)
