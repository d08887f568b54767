"""`dns-loss`: queries that get no answer within the time-out.

Judged by client and resolver, by client over its resolvers, and by resolver over its clients. One outage is told once:
where most of a client's resolvers fail it is the client's trouble, where most of a resolver's clients fail it is the
resolver's, and the parts are then kept quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.detectors import dns_advice
from wireverdict.detectors.dns_cases import Rows, Tallies, pair_names
from wireverdict.detectors.quality import Watched, Worked, capture_quality, confidence, drop_share, estimates
from wireverdict.detectors.shares import wilson_lower
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.fields import Dns
from wireverdict.windows.groups import group
from wireverdict.windows.home import address_halves, address_text
from wireverdict.windows.view import WindowView

_HOSTS = 100
"""Clients, at most, whose old flows are looked at for the evidence."""

Mask = NDArray[np.bool_]


class DnsLossSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares of 1 and counts of attempts in one window."""

    min_attempts: int = 20
    """attempts. Below, even all of them lost says little about the share (the lower bound of 3 of 3 is 44 %)."""
    warning: float = 0.1
    """of attempts unanswered (95 % lower bound): a stub with two tries then fails for one name in a hundred."""
    critical: float = 0.5
    """of attempts unanswered: most lookups wait for a retry, one in four fails."""
    credible_attempts: int = 5
    """attempts at a resolver that never answered, from which it counts for its client: a scan has fewer."""
    min_clients: int = 3
    """clients that a resolver's own verdict needs; with fewer it may as well be the clients."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 < self.warning <= self.critical < 1:
            raise ValueError("dns_loss.warning and critical are shares of 1: it must be 0 < warning <= critical < 1")


class DnsLoss:
    """See the module."""

    name = "dns-loss"

    def __init__(self, settings: DnsLossSettings | None = None) -> None:
        self.settings = settings or DnsLossSettings()
        self._watched = Watched()
        self._worked = Worked()

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """See `detectors.base.Detector`."""
        first = _Look(view)
        findings = []
        if list(self._watched) or first.suspects(_limit(self.settings, view), self.settings.min_attempts):
            findings = _Window(view, self.settings, self._watched, self._worked).judge()
        self._worked.add(pair_names(first.ends[first.answered > 0]))
        self._watched.forget(view.end)
        return findings

    def dump(self) -> dict[str, Any]:
        """See `detectors.base.Detector`."""
        return {"watched": self._watched.dump(), "worked": self._worked.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """See `detectors.base.Detector`."""
        self._watched.load(state["watched"])
        self._worked.load(state["worked"])


class _Look:
    """A first look at a window: whether anybody may be losing answers. Rows are in no order."""

    def __init__(self, view: WindowView) -> None:
        keys, counts = view.dns.rows
        words = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 4)
        decided = counts[:, Dns.ATTEMPTS].astype(np.int64) - counts[:, Dns.PENDING]
        rows = np.flatnonzero((decided > 0) & words.any(axis=1))
        self.ends, self.decided = words[rows], decided[rows]
        self.answered = counts[rows, Dns.ANSWERED].astype(np.int64)

    def suspects(self, limit: float, least: int) -> bool:
        """Whether a client and resolver, all of a client's or all of a resolver's, are over the limit."""
        lost = self.decided - self.answered
        if _over(lost, self.decided, limit, least).any():
            return True
        for ends in (self.ends, self.ends[:, 2:]):
            of = group(ends, 2)
            if _over(of.sums(lost), of.sums(self.decided), limit, least).any():
                return True
        return False


def _limit(settings: DnsLossSettings, view: WindowView) -> float:
    """The share of attempts unanswered that is too much: at least twice what the capture itself lost."""
    return max(settings.warning, 2 * drop_share(view))


def _over(lost: NDArray[np.int64], decided: NDArray[np.int64], limit: float, least: int) -> Mask:
    """Where there are at least `least` attempts and the lower bound of the lost share is over the limit."""
    bad: Mask = (decided >= least) & (lost > limit * decided)
    for place in np.flatnonzero(bad).tolist():
        bad[place] = wilson_lower(int(lost[place]), int(decided[place])) > limit
    return bad


class _Window:
    """The judgement of one window. Rows are places in its `tallies`."""

    def __init__(self, view: WindowView, settings: DnsLossSettings, watched: Watched, worked: Worked) -> None:
        self.view, self.settings, self.watched = view, settings, watched
        self.tallies = t = Tallies(view)
        self.worked: Mask = worked.knows(t.names)
        self.limit = _limit(settings, view)
        self.known: Mask = np.ones(len(t.rows), bool)
        self.covered: Mask = np.zeros(len(t.rows), bool)
        self.findings: dict[Subject, Finding] = {}

    def judge(self) -> list[Finding]:
        """All findings. Only rows that may matter are looked at one by one."""
        t = self.tallies
        pairs = _over(t.lost, t.decided, self.limit, self.settings.min_attempts)
        clients, servers = self._sums_over(t.client), self._sums_over(t.server)
        suspects = pairs | clients[t.client] | servers[t.server]
        watched = [(subject, self._rows_of(subject)) for subject in self.watched]
        if not suspects.any() and not any(rows.any() for _, rows in watched):
            return []
        for place in np.flatnonzero(suspects & (t.answered == 0)).tolist():
            self.known[place] = self._can_tell(place)
        credible = (t.answered > 0) | (t.decided >= self.settings.credible_attempts) | self.worked
        for _ in range(2):  # the fewer speak first, then whoever is bad without what these explain
            by_client = self._failing(t.client, clients, self.known & credible, 2)
            by_server = self._failing(t.server, servers, self.known, self.settings.min_clients)
            by_server = [rows for rows in by_server if any(t.heard(int(place)) for place in rows)]
            client_first = by_client and (len(by_client) <= len(by_server) or not by_server)
            for rows in by_client if client_first else by_server:
                client, server = self._ends(int(rows[0]))
                self._report(Subject(client, "", 53) if client_first else Subject("", server, 53), rows)
                self.covered[rows] = True
        for place in np.flatnonzero(pairs).tolist():
            quiet = bool(self.covered[place]) or not self.known[place]
            self._report(Subject(*self._ends(place), 53), np.array([place]), quiet=quiet)
        for subject, chosen in watched:
            rows = np.flatnonzero(chosen)
            if len(rows):
                self._report(subject, rows, quiet=bool(self.covered[rows].all() or not self.known[rows].all()))
        return list(self.findings.values())

    def _sums_over(self, which: Rows) -> Mask:
        """`_over` for each group of rows."""
        size = int(which.max()) + 1 if len(which) else 0
        lost, decided = (
            np.bincount(which, part, size).astype(np.int64) for part in (self.tallies.lost, self.tallies.decided)
        )
        return _over(lost, decided, self.limit, self.settings.min_attempts)

    def _failing(self, which: Rows, candidates: Mask, usable: Mask, least: int) -> list[Rows]:
        """Rows of each group that is bad in sum and in more than half of its parts, of which there are `least`."""
        t, failing = self.tallies, []
        for number in np.flatnonzero(candidates).tolist():
            rows = np.flatnonzero((which == number) & usable & ~self.covered)
            bad = t.lost[rows] > self.limit * t.decided[rows]
            if len(rows) < least or 2 * np.count_nonzero(bad) <= len(rows):
                continue
            lost, decided = int(t.lost[rows].sum()), int(t.decided[rows].sum())
            if decided >= self.settings.min_attempts and wilson_lower(lost, decided) > self.limit:
                failing.append(rows)
        return failing

    def _can_tell(self, place: int) -> bool:
        """Whether an answer, had there been one, would have been captured.

        Where nothing at all of the resolver was seen, answers may have gone another way, past the capture. That is no
        worry if they were seen before, or if the client is seen to receive from others.
        """
        if self.worked[place] or self.tallies.heard(place):
            return True
        return self.tallies.address_of_client(place) in self.view.hearing

    def _ends(self, place: int) -> tuple[str, str]:
        t = self.tallies
        return address_text(*t.address_of_client(place)), address_text(*t.address_of_server(place))

    def _rows_of(self, subject: Subject) -> Mask:
        """The rows that a subject of ours is about."""
        t = self.tallies
        chosen: Mask = np.ones(len(t.rows), bool)
        for text, addresses, which in (
            (subject.source_ip, t.clients, t.client),
            (subject.destination_ip, t.servers, t.server),
        ):
            if text:
                chosen &= (addresses == np.array(address_halves(text), np.uint64)).all(axis=1)[which]
        return chosen

    def _report(self, subject: Subject, rows: Rows, *, quiet: bool = False) -> None:
        """Add the finding about a subject made of rows, if anybody would listen."""
        if subject in self.findings:
            return
        case = self.tallies.case(rows)
        low = wilson_lower(case.unanswered, case.decided)
        if quiet:
            opinion = Opinion.UNKNOWN
        elif case.decided >= self.settings.min_attempts and low > self.limit:
            opinion = Opinion.BAD
        elif case.unanswered <= self.limit * case.decided:
            opinion = Opinion.GOOD
        else:
            opinion = Opinion.UNKNOWN
        if not self.watched.note(subject, opinion, self.view.end):
            return
        evidence, bad = case.evidence(), opinion is Opinion.BAD
        if bad:
            evidence |= {"top_unanswered": case.top_unanswered()} | self._surroundings(subject, rows)
            evidence |= dns_advice.cloud_limit(subject, case, self.view)
        severe = low > max(self.settings.critical, 2 * drop_share(self.view))
        self.findings[subject] = Finding(
            DnsLoss.name,
            subject,
            opinion,
            since=case.since,
            until=self.view.end,
            severity=Severity.CRITICAL if severe else Severity.WARNING,
            confidence=confidence(low, self.limit, self.view) if bad else 0.0,
            evidence=evidence | {"unanswered_share_at_least": low},
            capture_quality=capture_quality(self.view),
            remedy=dns_advice.advice(subject, case, evidence, self.view) if bad else "",
        )

    def _surroundings(self, subject: Subject, rows: Rows) -> dict[str, Any]:
        """What else was going on: the parts of a sum, or how the client's other resolvers do; and its old flows."""
        t = self.tallies
        clients, servers = np.unique(t.client[rows]), np.unique(t.server[rows])
        one = np.ones(len(rows), np.int64)
        told: dict[str, Any] = {"nothing_came_back": not any(t.heard(int(place)) for place in rows)}
        if not subject.destination_ip:
            told |= {"resolvers": len(servers), "by_resolver": t.busiest(rows, by_server=True)}
            told |= estimates(self.view, attempts=t.decided[rows], unanswered=t.lost[rows], resolvers=one)
        elif not subject.source_ip:
            told |= {"clients": len(clients), "by_client": t.busiest(rows, by_server=False)}
            told |= estimates(self.view, attempts=t.decided[rows], unanswered=t.lost[rows], clients=one)
        rest = np.ones(len(t.rows), bool)
        rest[rows] = False
        if subject.source_ip:
            same = np.flatnonzero(rest & np.isin(t.client, clients))
            told["other_resolvers"] = t.busiest(same, by_server=True)
        same = np.flatnonzero(rest & np.isin(t.server, servers))
        told["other_clients"] = t.busiest(same, by_server=False)
        hosts = [(hi, lo) for hi, lo in t.clients[clients[:_HOSTS]].tolist()]
        told["established_flows"], told["advancing_flows"] = dns_advice.old_flows(hosts, self.view)
        return told
