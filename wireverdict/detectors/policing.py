"""The detector of policing: a token bucket on the path that drops what exceeds its rate.

The evidence is gathered and judged by `wireverdict.paths`; here it becomes findings, one for each address pair and
direction with all its connections together.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Any

import msgspec

from wireverdict.detectors.quality import Followed
from wireverdict.paths.judgement import Cause, Judgement
from wireverdict.paths.view import PathView, PolicingCase
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.view import WindowView

REMEDY = (
    "Something on the path drops what exceeds a fixed rate instead of queueing it: look for a policer (contracted or "
    "committed access rate, cloud egress limit, firewall rate limit) near {rate} with a burst of {burst}. Ask its owner "
    "to shape, or to raise the burst to rate x round trip; or pace the sender below the rate (BBR, fq pacing)."
)
WHY_NOT = {
    Cause.QUEUE: "losses come with waiting: a buffer overflows (see bufferbloat, or add capacity)",
    Cause.RANDOM: "no token bucket explains which packets were lost: a bad link, a radio, or short bursts elsewhere",
    Cause.SHALLOW: "the bucket is so small that a short buffer would look the same",
    Cause.UNDECIDED: "losses fit a token bucket, but also bursts in time, as outages make them, or a queue whose delay "
    "cannot be seen",
    Cause.TOO_FEW: "too few losses, loss episodes or delivered packets",
}


class PolicingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """See the fields. The judge's own thresholds are in `paths.policing`."""

    critical_loss_share: float = 0.1
    """of packets lost, from which the verdict is critical: TCP spends its time recovering."""
    clean_packets: int = 100
    """data packets in a window without one being sent again that count against an open verdict."""
    follow: int = 6
    """windows for which a subject is still spoken of after it was last found policed."""
    listed: int = 5
    """connections named in the evidence."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 < self.critical_loss_share <= 1:
            raise ValueError("policing.critical_loss_share is a share of packets: above 0, at most 1")


class Policing:
    """See the module."""

    name = "policing"

    def __init__(self, settings: PolicingSettings | None = None) -> None:
        self.settings = settings or PolicingSettings()
        self._open = Followed(self.settings.follow)

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """One finding for each policed direction, and for those that lately were."""
        paths = view.paths
        if not isinstance(paths, PathView):
            return []
        self._open.next_window()
        return [finding for case in paths.policing if (finding := self._finding(case, paths)) is not None]

    def dump(self) -> dict[str, Any]:
        """All memory between windows."""
        return self._open.dump()

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._open.load(state)

    def _finding(self, case: PolicingCase, paths: PathView) -> Finding | None:
        judged = case.judgement
        subject = Subject(source_ip=text_of(case.sender), destination_ip=text_of(case.receiver), protocol="tcp")
        if judged.policed:
            self._open.add(subject)
            opinion = Opinion.BAD
        elif subject not in self._open:
            return None
        elif judged.cause in (Cause.QUEUE, Cause.RANDOM) or (
            judged.cause is Cause.TOO_FEW and not case.repeats and case.packets >= self.settings.clean_packets
        ):
            opinion = Opinion.GOOD
        elif not case.repeats:
            return None  # nothing was lost and too little sent to show anything: as if the pair were silent
        else:
            opinion = Opinion.UNKNOWN
        share = judged.lost / max(judged.lost + judged.passed, 1)
        severe = opinion is Opinion.BAD and share >= self.settings.critical_loss_share
        return Finding(
            self.name,
            subject,
            opinion,
            since=judged.first_loss if judged.policed else paths.start,
            until=paths.end,
            severity=Severity.CRITICAL if severe else Severity.WARNING,
            confidence=judged.confidence,
            evidence=evidence(case, self.settings.listed),
            capture_quality={
                "vantage": "receiver" if judged.at_receiver else "sender",
                "packets_left_out": case.skipped,
                "directions_not_judged": paths.unjudged,
            },
            remedy=REMEDY.format(rate=bits(judged.rate_bps), burst=size(judged.burst_bytes)) if judged.policed else "",
        )


def evidence(case: PolicingCase, listed: int) -> dict[str, Any]:
    """The numbers that decided."""
    judged: Judgement = case.judgement
    found: dict[str, Any] = {"cause": str(judged.cause)}
    if judged.cause in WHY_NOT:
        found["why_not"] = WHY_NOT[judged.cause]
    found |= {
        "lost_packets": judged.lost,
        "passed_packets": judged.passed,
        "loss_share": judged.lost / max(judged.lost + judged.passed, 1),
        "loss_episodes": judged.episodes,
    }
    if judged.rate_bps:
        found |= {
            "rate_bps": judged.rate_bps,
            "rate_low_bps": judged.rate_low_bps,
            "rate_high_bps": judged.rate_high_bps,
            "burst_bytes": judged.burst_bytes,
            "delivered_bps": judged.delivered_bps,
            "part_of_traffic_unseen": judged.cause is Cause.POLICED_PARTLY_SEEN,
            "losses_explained_share": judged.explained,
            "gain_nats": judged.gain,
            "gain_over_outages_nats": judged.gain_in_time,
            "level_rank_at_first_losses": judged.rank,
            "delay_at_losses_ms": judged.loss_delay,
            "delay_slope": judged.delay_slope,
            "base_rtt_ms": judged.base_rtt,
        }
    found["connections"] = [
        {"source_port": source, "destination_port": destination, "lost_packets": lost}
        for source, destination, lost in case.connections[:listed]
    ]
    found["connections_with_losses"] = len(case.connections)
    return found


def text_of(address: bytes) -> str:
    """An address of 16 bytes in text form; IPv4-mapped ones as IPv4."""
    whole = IPv6Address(address)
    return str(whole.ipv4_mapped or whole)


def bits(rate_bps: float) -> str:
    """A rate for people."""
    for unit, scale in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if rate_bps >= scale:
            return f"{rate_bps / scale:.3g} {unit}"
    return f"{rate_bps:.0f} bit/s"


def size(count: float) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.3g} kB"
