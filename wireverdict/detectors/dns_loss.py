"""`dns-loss`: queries that get no answer within the time-out.

Judged by client and resolver, by client over its resolvers, and by resolver over its clients. One outage is told once:
where most of a client's resolvers fail it is the client's trouble, where most of a resolver's clients fail it is the
resolver's, and the parts are then kept quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wireverdict.detectors import dns_advice
from wireverdict.detectors.dns_cases import Case, cases, others, total
from wireverdict.detectors.quality import Watched, capture_quality, confidence, drop_share
from wireverdict.detectors.shares import wilson_lower
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.fields import NEVER, Dns
from wireverdict.windows.home import Address, address_text
from wireverdict.windows.view import WindowView

_ANSWERED_KEPT = 20_000
"""Pairs remembered to have worked."""


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
        self._worked: dict[tuple[Address, Address], None] = {}

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """See `detectors.base.Detector`."""
        if not len(view.dns.keys):
            return []
        found = [case for case in cases(view) if case.decided]
        known = [case for case in found if self._can_tell(case, view)]
        findings: dict[Subject, Finding] = {}
        self._covered: set[tuple[Address, Address]] = set()
        clients, resolvers = self._failing(known, view)
        for subject, parts in clients if len(clients) <= len(resolvers) or not resolvers else resolvers:
            self._report(findings, subject, parts, view, found)
            self._covered.update((part.client, part.server) for part in parts)
        left = [case for case in known if (case.client, case.server) not in self._covered]
        for group in self._failing(left, view):
            for subject, parts in group:
                parts = [part for part in parts if (part.client, part.server) not in self._covered]
                self._report(findings, subject, parts, view, found)
                self._covered.update((part.client, part.server) for part in parts)
        for case in found:
            subject = Subject(address_text(*case.client), address_text(*case.server), 53)
            covered, blind = (case.client, case.server) in self._covered, case not in known
            self._report(findings, subject, [case], view, found, quiet=covered or blind)
        self._others(findings, found, view)
        self._remember(found)
        self._watched.forget(view.end)
        return list(findings.values())

    def dump(self) -> dict[str, Any]:
        """See `detectors.base.Detector`."""
        return {"watched": self._watched.dump(), "worked": [[*client, *server] for client, server in self._worked]}

    def load(self, state: dict[str, Any]) -> None:
        """See `detectors.base.Detector`."""
        self._watched.load(state["watched"])
        self._worked = {((a, b), (c, d)): None for a, b, c, d in state["worked"]}

    def _can_tell(self, case: Case, view: WindowView) -> bool:
        """Whether an answer, had there been one, would have been captured.

        Where nothing at all of the resolver was seen, answers may have gone another way, past the capture. That is no
        worry if they were seen before, or if the client is seen to receive from others.
        """
        return case.heard or (case.client, case.server) in self._worked or case.client in view.hearing

    def _failing(
        self, known: list[Case], view: WindowView
    ) -> tuple[list[tuple[Subject, list[Case]]], list[tuple[Subject, list[Case]]]]:
        """Clients most of whose resolvers fail, and resolvers most of whose clients do; worst first."""
        limit = self._limit(view, self.settings.warning)
        by_client: dict[Address, list[Case]] = {}
        by_server: dict[Address, list[Case]] = {}
        for case in known:
            credible = case.counts[Dns.ANSWERED] or case.decided >= self.settings.credible_attempts
            if credible or (case.client, case.server) in self._worked:
                by_client.setdefault(case.client, []).append(case)
            by_server.setdefault(case.server, []).append(case)

        def failing(parts: list[Case], least: int) -> bool:
            bad = [part for part in parts if part.unanswered > limit * part.decided]
            many, lost = sum(part.decided for part in parts), sum(part.unanswered for part in parts)
            if len(parts) < least or 2 * len(bad) <= len(parts) or many < self.settings.min_attempts:
                return False
            return wilson_lower(lost, many) > limit

        clients = [
            (Subject(source_ip=address_text(*who), destination_port=53), parts)
            for who, parts in sorted(by_client.items())
            if failing(parts, 2)
        ]
        resolvers = [
            (Subject(destination_ip=address_text(*who), destination_port=53), parts)
            for who, parts in sorted(by_server.items())
            if failing(parts, self.settings.min_clients) and any(part.heard for part in parts)
        ]
        return clients, resolvers

    def _limit(self, view: WindowView, share: float) -> float:
        """A threshold, raised to twice what the capture itself lost."""
        return max(share, 2 * drop_share(view))

    def _report(
        self,
        findings: dict[Subject, Finding],
        subject: Subject,
        parts: list[Case],
        view: WindowView,
        found: list[Case],
        *,
        quiet: bool = False,
    ) -> None:
        """Add the finding about a subject made of `parts`, if anybody would listen."""
        case = total(parts)
        low = wilson_lower(case.unanswered, case.decided)
        limit = self._limit(view, self.settings.warning)
        if quiet:
            opinion = Opinion.UNKNOWN
        elif case.decided >= self.settings.min_attempts and low > limit:
            opinion = Opinion.BAD
        elif case.unanswered <= limit * case.decided:
            opinion = Opinion.GOOD
        else:
            opinion = Opinion.UNKNOWN
        if subject in findings or not self._watched.note(subject, opinion, view.end):
            return
        evidence = case.evidence()
        bad = opinion is Opinion.BAD
        if bad:
            evidence |= self._surroundings(subject, parts, view, found)
        severe = low > self._limit(view, self.settings.critical)
        findings[subject] = Finding(
            self.name,
            subject,
            opinion,
            since=min(view.start, case.since) if case.since == NEVER else case.since,
            until=view.end,
            severity=Severity.CRITICAL if severe else Severity.WARNING,
            confidence=confidence(low, limit, view) if bad else 0.0,
            evidence=evidence | {"unanswered_share_at_least": low},
            capture_quality=capture_quality(view),
            remedy=dns_advice.advice(subject, case, evidence, view) if bad else "",
        )

    def _surroundings(self, subject: Subject, parts: list[Case], view: WindowView, found: list[Case]) -> dict[str, Any]:
        """What else was going on: the parts of a sum, or how the client's other resolvers do; and its old flows."""
        mine = {(part.client, part.server) for part in parts}
        clients, servers = {part.client for part in parts}, {part.server for part in parts}
        told: dict[str, Any] = {"nothing_came_back": not any(part.heard for part in parts)}
        if not subject.destination_ip:
            told |= {"resolvers": len(servers), "by_resolver": others(parts, by_server=True)}
        elif not subject.source_ip:
            told |= {"clients": len(clients), "by_client": others(parts, by_server=False)}
        rest = [case for case in found if (case.client, case.server) not in mine]
        if subject.source_ip:
            told["other_resolvers"] = others([case for case in rest if case.client in clients], by_server=True)
        told["other_clients"] = others([case for case in rest if case.server in servers], by_server=False)
        told["established_flows"], told["advancing_flows"] = dns_advice.old_flows(clients, view)
        return told

    def _others(self, findings: dict[Subject, Finding], found: list[Case], view: WindowView) -> None:
        """Say how subjects lately found bad do now, where none of the above spoke of them."""
        for subject in list(self._watched):
            if subject in findings or (subject.source_ip and subject.destination_ip):
                continue
            parts = [
                case
                for case in found
                if address_text(*case.client) == subject.source_ip
                or address_text(*case.server) == subject.destination_ip
            ]
            if not parts:
                continue
            if all((part.client, part.server) in self._covered for part in parts):
                self._report(findings, subject, parts, view, found, quiet=True)
                continue
            self._report(findings, subject, parts, view, found)

    def _remember(self, found: list[Case]) -> None:
        """Pairs that worked; the oldest are forgotten first."""
        for case in found:
            if case.counts[Dns.ANSWERED]:
                self._worked.pop((case.client, case.server), None)
                self._worked[case.client, case.server] = None
        while len(self._worked) > _ANSWERED_KEPT:
            del self._worked[next(iter(self._worked))]
