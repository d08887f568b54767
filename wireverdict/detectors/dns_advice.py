"""What to look at when DNS queries go unanswered: the pattern of the numbers, in words for whoever is on call."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from wireverdict.detectors.dns_cases import Case
from wireverdict.verdicts import Subject
from wireverdict.windows.fields import Count, Dns
from wireverdict.windows.home import Address
from wireverdict.windows.view import WindowView

CLOUD_LIMIT = 1_024
"""Packets/s that a cloud lets one interface send to its link-local services, DNS among them (documented by AWS)."""

_CLOUD_RESOLVERS = {ip_address("169.254.169.253"), ip_address("fd00:ec2::253")}


def old_flows(clients: Iterable[Address], view: WindowView) -> tuple[int, int]:
    """Established flows (of any protocol) on which these hosts sent data, and how many of them were answered."""
    keys, established, advanced = view.pairs.keys, view.pairs.of(Count.ESTABLISHED), view.pairs.of(Count.ADVANCED)
    sent = moved = 0
    for hi, lo in clients:
        for side, end in ((0, "low"), (1, "high")):
            mine = (keys[f"{end}_lo"] == lo) & (keys[f"{end}_hi"] == hi)
            sent += int(established[mine, side].sum())
            moved += int(advanced[mine, side].sum())
    return sent, moved


def advice(subject: Subject, case: Case, evidence: dict[str, Any], view: WindowView) -> str:
    """The first explanation that the numbers support, and what to check."""
    lost, counts = case.unanswered, case.counts
    if 2 * counts[Dns.LATE] > lost:
        return (
            "Answers do come, but after the time-out: look at the load and the upstreams of the resolver, and "
            "at queues on the path (see bufferbloat), not at packet loss."
        )
    if 2 * counts[Dns.UNREACHABLE] > lost:
        return (
            "ICMP errors come back for the queries: the resolver's service is down or a firewall rejects "
            "them. Check the process on the resolver, then the rules on the path."
        )
    if evidence.get("at_packet_limit"):
        return (
            f"{evidence['attempts_per_s']:,.0f} queries/s go to the cloud's link-local resolver and "
            f"{evidence['answered_per_s']:,.0f}/s are answered: that is its limit of {CLOUD_LIMIT} packets/s for one "
            "interface, and what exceeds it is dropped. Look at the instance's linklocal_allowance_exceeded counter "
            "(ethtool -S), and put a caching resolver on the host or spread the load over interfaces."
        )
    if 2 * counts[Dns.ORPHANS] > lost:
        return (
            "Answers arrive that match no query: something on the path rewrites ports or ids, or the capture "
            "misses queries. Compare captures on both sides of the NAT or firewall."
        )
    if subject.destination_ip and subject.source_ip and _works(evidence.get("other_resolvers", [])):
        return (
            "The client's other resolvers answer: look at this resolver and the path to it (is it up, is it "
            "limiting this client's rate), and take it out of the client's list meanwhile."
        )
    if subject.destination_ip and not subject.source_ip:
        return (
            "Most clients of this resolver fail: look at the resolver itself (running, overloaded, "
            "rate-limiting), then at what all paths to it share."
        )
    new, answered_old = int(counts[Dns.NEW_ATTEMPTS]), int(counts[Dns.ANSWERED] - counts[Dns.NEW_ANSWERED])
    old = max(case.decided - new, 0)
    if new and (10 * old <= case.decided or 2 * answered_old > old):
        living = evidence.get("advancing_flows", 0)
        also = f", while older flows go on ({living})" if living else ""
        return (
            f"Queries from new ports get no answer{also}: suspect a full connection-tracking table in a "
            "gateway, NAT or firewall on the path. Compare conntrack -C with nf_conntrack_max, look for "
            "'table full' in its kernel log and for drops in conntrack -S, and for rate limits on UDP port "
            "53."
        )
    return (
        "Look for loss or a rate limit on UDP port 53 between client and resolver: capture on both sides of "
        "each gateway, and see where the answers end."
    )


def _works(parts: list[dict[str, Any]]) -> bool:
    """Whether others are answered mostly."""
    many, answered = sum(part["attempts"] for part in parts), sum(part["answered"] for part in parts)
    return bool(many > 0 and 2 * answered > many)


def cloud_limit(subject: Subject, case: Case, view: WindowView) -> dict[str, Any]:
    """Evidence about a cloud's link-local resolver, per second; nothing for others.

    A plateau is at the limit if more is asked than half of it (the limit may have been met in half of the window only)
    and answers come at no more than the limit, but not at next to nothing, as they would from a resolver that fails.
    """
    if not subject.destination_ip or ip_address(subject.destination_ip) not in _CLOUD_RESOLVERS or not view.width:
        return {}
    asked, answered = (count * 1e9 / view.width for count in (case.decided, int(case.counts[Dns.ANSWERED])))
    plateau = asked > CLOUD_LIMIT / 2 and CLOUD_LIMIT / 4 < answered < 1.05 * CLOUD_LIMIT
    return {
        "attempts_per_s": asked,
        "answered_per_s": answered,
        "packet_limit_per_s": CLOUD_LIMIT,
        "at_packet_limit": plateau and case.unanswered > 0,
    }
