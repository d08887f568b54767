"""New connections die while old ones live: a full state table, an exhausted allowance, a full backlog.

A SYN counts as lost when neither a SYN-ACK nor a RST nor an ICMP error came back; refusals are answers. Three subjects,
the widest that explains the loss speaks for the others: a service (all its clients), a client host (all its peers), a
client and a service.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.detectors.quality import Worked, estimates
from wireverdict.detectors.shares import wilson_lower
from wireverdict.headers import TCP
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.fields import Count
from wireverdict.windows.groups import group
from wireverdict.windows.home import address_text
from wireverdict.windows.order import order_of
from wireverdict.windows.view import WindowView

Array = NDArray[Any]
SECOND = 1_000_000_000


class NewFlowLossSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the fields."""

    min_attempts: int = 10
    """decided attempts in a window before anything is said: fewer leave the 95 % bound meaningless."""
    warning_share: float = 0.2
    """lower 95 % bound of the lost share for a warning: healthy services lose well under 1 % of their SYNs."""
    critical_share: float = 0.5
    """… for critical: every second new connection fails."""
    min_peers: int = 3
    """peers that must lose before a host or a service as a whole is named: else the pair is."""
    min_established: int = 2
    """established flows that must advance at a host, for its new flows' loss not to be a dead link or a scan."""
    credible_attempts: int = 5
    """attempts at a service that never answered, from which it counts for its client as a whole: a scan has fewer."""
    follow: float = 600.0
    """s of packet time in which a subject that was bad is reported on when it is not."""


class Tally(NamedTuple):
    """Attempts of one subject in one window."""

    decided: int
    lost: int
    answered: int
    refused: int
    unreachable: int
    retries: int
    advanced: int
    peers: int
    losing_peers: int


class Sides:
    """Counts of a window's services by who asked: columns are taken out of the window when they are looked at."""

    def __init__(self, view: WindowView) -> None:
        rows = view.services.rows
        self.keys, self.words, self._of = rows.keys, rows.words, rows.of
        self.low: Array = self.keys["responder"] != 0
        """Whether the lower address asked."""
        self._asking: dict[Count, Array] = {}

    def asking(self, what: Count) -> Array:
        """What the asking sides sent, int64 (n,)."""
        if what not in self._asking:
            column = self._of(what)
            self._asking[what] = np.where(self.low, column[:, 0], column[:, 1])
        return self._asking[what]

    def ends(self, rows: Array) -> Array:
        """Client and server of some rows, uint64 (rows, 4)."""
        words = self.words[rows, :4]
        return np.where(self.low[rows][:, None], words, words[:, [2, 3, 0, 1]])

    def of_host(self, hi: np.uint64, lo: np.uint64) -> Array:
        """The rows in which a host asks."""
        words, low = self.words, self.low
        lower, higher = (words[:, 1] == lo) & (words[:, 0] == hi), (words[:, 3] == lo) & (words[:, 2] == hi)
        return np.flatnonzero(np.where(low, lower, higher))

    def in_order(self, rows: Array) -> Array:
        """Some rows in the order of their keys."""
        words = self.words[rows]
        key = self.keys[rows]
        words[:, 4] = key["port"].astype(np.uint64) << np.uint64(16)
        words[:, 4] |= key["protocol"].astype(np.uint64) << np.uint64(8) | key["responder"]
        ordered: Array = rows[order_of(words)]
        return ordered

    @cached_property
    def decided(self) -> Array:
        """Attempts that have had their time."""
        decided: Array = self.asking(Count.SYN_ATTEMPTS) - self.asking(Count.SYN_PENDING)
        return decided

    @cached_property
    def heard(self) -> Array:
        """Attempts that a service answered or refused."""
        heard: Array = self.asking(Count.SYN_ANSWERED) + self.asking(Count.SYN_REFUSED)
        return heard

    @cached_property
    def lost(self) -> Array:
        """Of those decided, those that nothing came back for."""
        lost: Array = np.where(self.unreachable > 0, 0, np.maximum(self.decided - self.heard, 0))
        return lost

    @cached_property
    def unreachable(self) -> Array:
        """Attempts at a service that ICMP errors tell of. Errors are rate-limited (RFC 1812, 4.3.2.8; Linux sends a host one a
        second), so where some came, they speak for the attempts that nothing came back for, too."""
        errors = self.asking(Count.SYN_UNREACHABLE)
        unreachable: Array = np.where(errors > 0, np.maximum(errors, self.decided - self.heard), 0)
        return unreachable

    def tally(self, members: Array) -> Tally:
        """Some rows, summed up."""
        total = {
            what: int(self.asking(what)[members].sum())
            for what in (Count.SYN_ATTEMPTS, Count.SYN_PACKETS, Count.SYN_ANSWERED, Count.SYN_REFUSED)
        }
        lost = self.lost[members]
        return Tally(
            int(self.decided[members].sum()),
            int(lost.sum()),
            total[Count.SYN_ANSWERED],
            total[Count.SYN_REFUSED],
            int(self.unreachable[members].sum()),
            total[Count.SYN_PACKETS] - total[Count.SYN_ATTEMPTS],
            self.advanced(members),
            len(members),
            int((lost > 0).sum()),
        )

    def advanced(self, members: Array) -> int:
        """Established flows that advance, on either side: each is counted once."""
        return int(self._of(Count.ADVANCED)[members].max(axis=1, initial=0).sum())

    def advance(self, members: Array) -> Array:
        """Which of some rows have an established flow that advances."""
        advance: Array = self._of(Count.ADVANCED)[members].max(axis=1, initial=0) > 0
        return advance


class NewFlowLoss:
    """See the module. Keeps the subjects that were lately bad, to say when they are good again."""

    name = "new-flow-loss"

    def __init__(self, settings: NewFlowLossSettings | None = None) -> None:
        self.settings = settings or NewFlowLossSettings()
        self._watched: dict[int, int] = {}
        self._worked = Worked()

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """Findings for services, hosts and pairs with enough attempts."""
        self._watched = {name: until for name, until in self._watched.items() if until > view.end}
        sides = Sides(view)
        keys = sides.keys
        wanted = np.flatnonzero((keys["protocol"] == TCP) & (sides.asking(Count.SYN_ATTEMPTS) > 0))
        if not len(wanted):
            return []
        works = wanted[sides.heard[wanted] > 0]
        if len(works):
            self._worked.add(_names(sides.ends(works), keys["port"][works].astype(np.uint64))["pair"])
        if not self._watched and not sides.lost[wanted].any():
            return []
        names_of = _names(sides.ends(wanted), keys["port"][wanted].astype(np.uint64))
        named: set[int] = set()
        findings = []
        for kind, names in names_of.items():
            for name, members in self._groups(names, wanted, sides):
                if kind == "host":  # what it lost of services that nobody ever heard of may be a scan
                    known = self._worked.knows(names_of["pair"][np.searchsorted(wanted, members)])
                    asked_much = sides.decided[members] >= self.settings.credible_attempts
                    members = members[known | asked_much | sides.advance(members)]
                    if sides.decided[members].sum() < self.settings.min_attempts:
                        continue
                tally = sides.tally(members)
                ends, advanced = sides.ends(members[:1])[0], tally.advanced
                watched = name in self._watched
                if kind != "pair" and tally.losing_peers < self.settings.min_peers and not watched:
                    continue
                if kind == "host":  # its established flows are those with any service, asked for in this window or not
                    advanced = sides.advanced(sides.of_host(ends[0], ends[1]))
                    if advanced < self.settings.min_established and not watched:
                        continue
                share = wilson_lower(tally.lost, tally.decided)
                if share > self.settings.warning_share:
                    if all(int(member) in named for member in members):
                        continue
                    named.update(int(member) for member in members)
                    self._watched[name] = view.end + round(self.settings.follow * SECOND)
                elif not watched:
                    continue
                port = int(keys["port"][members[0]])
                whole = {} if kind == "pair" else _estimates(view, sides, members)
                findings.append(self._finding(view, kind, ends, port, tally, share, advanced, whole))
        return findings

    def dump(self) -> dict[str, Any]:
        """Subjects that were lately bad, and until when they are followed (ns); services that were heard of."""
        watched = [[name, until] for name, until in sorted(self._watched.items())]
        return {"watched": watched, "worked": self._worked.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._watched = {int(name): int(until) for name, until in state["watched"]}
        if worked := state.get("worked"):  # states of earlier versions have none
            self._worked.load(worked)

    def _groups(self, names: Array, wanted: Array, sides: Sides) -> Iterator[tuple[int, Array]]:
        """Names and rows of the subjects that have enough attempts and lose many of them, or are followed; in the order of
        their first row's key. `names` of the rows `wanted`."""
        of = group(names[:, None], 1)
        decided, lost = of.sums(sides.decided[wanted]), of.sums(sides.lost[wanted])
        hot = lost >= self.settings.warning_share * decided  # the lower bound of a share is below the share
        hot &= lost > 0
        if self._watched:
            hot |= np.isin(names[of.firsts], np.fromiter(self._watched, np.uint64, len(self._watched)))
        hot &= decided >= self.settings.min_attempts
        members = np.flatnonzero(hot[of.of])
        name_of = dict(zip(wanted[members].tolist(), names[members].tolist(), strict=True))
        found: dict[int, list[int]] = {}
        for row in sides.in_order(wanted[members]).tolist():
            found.setdefault(name_of[row], []).append(row)
        yield from ((name, np.array(rows)) for name, rows in found.items())

    def _finding(
        self,
        view: WindowView,
        kind: str,
        ends: Array,
        port: int,
        tally: Tally,
        share: float,
        advanced: int,
        whole: dict[str, Any],
    ) -> Finding:
        client, server = address_text(int(ends[0]), int(ends[1])), address_text(int(ends[2]), int(ends[3]))
        if kind == "service":
            subject = Subject(destination_ip=server, destination_port=port, protocol="tcp")
        elif kind == "host":
            subject = Subject(source_ip=client, protocol="tcp")
        else:
            subject = Subject(source_ip=client, destination_ip=server, destination_port=port, protocol="tcp")
        evidence = {
            "attempts": tally.decided,
            "answered": tally.answered,
            "refused": tally.refused,
            "unreachable": tally.unreachable,
            "lost": tally.lost,
            "lost_share": tally.lost / tally.decided,
            "lost_share_lower_95": share,
            "syn_retries": tally.retries,
            "established_flows_advancing": advanced,
            "peers": tally.peers,
            "peers_with_loss": tally.losing_peers,
        } | whole
        opinion = Opinion.GOOD
        if share > self.settings.warning_share:
            # in a capture that sees one direction only, an answer may have gone another way
            opinion = Opinion.BAD if self._two_way(view) else Opinion.UNKNOWN
        elif tally.lost / tally.decided > self.settings.warning_share:
            opinion = Opinion.UNKNOWN
        who = {"service": f"to {server} port {port}", "host": f"from {client}"}.get(
            kind, f"from {client} to {server} port {port}"
        )
        living = (
            f"while {advanced} established flows go on: look for a full connection-tracking table (dmesg: "
            "nf_conntrack: table full), an allowance of the cloud (ENA conntrack_allowance_exceeded), or a full listen "
            "backlog (nstat TcpExtListenOverflows)"
            if advanced
            else "and nothing established advances either: look for a firewall that drops silently, a wrong route, "
            "or a dead host"
        )
        return Finding(
            self.name,
            subject,
            opinion,
            since=view.start,
            until=view.end,
            severity=Severity.CRITICAL if share > self.settings.critical_share else Severity.WARNING,
            confidence=round(min(0.99, 0.5 + share / 2 + (0.1 if advanced else 0.0)), 3),
            evidence=evidence,
            remedy=f"{tally.lost} of {tally.decided} new connections {who} get no answer, {living}.",
        )

    @staticmethod
    def _two_way(view: WindowView) -> bool:
        """Whether this capture sees answers at all: else silence says nothing.

        Attempts without an answer are one-sided themselves, so only a window of almost nothing else is in doubt.
        """
        return view.capture.one_sided_packets < view.capture.tcp_packets


def _estimates(view: WindowView, sides: Sides, members: Array) -> dict[str, Any]:
    """Of a subject that has several pairs, where some were left out by sampling."""
    return estimates(view, sides.ends(members), attempts=sides.decided[members], lost=sides.lost[members])


def _names(ends: Array, ports: Array) -> dict[str, Array]:
    """A 64-bit name of each row's service, client host and pair: uint64 (n,). Wide kinds first.

    Names are compared in place of addresses; that two of a window's subjects share one is beyond chance.
    """
    mix = np.uint64(0x9E3779B97F4A7C15)

    def stir(value: Array, more: Array) -> Array:
        value = (value ^ more) * mix
        stirred: Array = (value ^ (value >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return stirred

    server = stir(stir(ports + np.uint64(1 << 32), ends[:, 3]), ends[:, 2])
    client = stir(stir(np.full_like(ports, 1 << 33), ends[:, 1]), ends[:, 0])
    return {"service": server, "host": client, "pair": stir(server, client)}
