"""What the judge of policing is told, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the judge; each says its unit and its reason."""

    min_lost: int = 15
    """packets; below, any bucket fits (Flach et al.)."""
    min_passed: int = 15
    """packets (Flach et al.)."""
    min_clean_bytes: int = 100_000
    """without a loss, that a connection must carry to be called not policed: less fits into most buckets."""
    min_episodes: int = 3
    """a bucket that ran dry once or twice has shown no rate: it needs to refill and run dry again (Flach et al.)."""
    link_overhead: int = 18
    """bytes that a policer counts beside the IP length: 18 for those that count whole Ethernet frames, 0 for IP."""
    rate_from: float = 0.5
    """of the rate delivered between the first and the last loss: too large if the bucket was full at the start."""
    rate_to: float = 40.0
    """of the same: a flow that recovers slowly uses a small part of what it may."""
    rate_step: float = 1.05
    """factor of the coarse search."""
    depth_from: float = 2_000.0
    """bytes: little more than one packet."""
    depth_to: float = 8_000_000.0
    """bytes: beyond, a bucket outlasts most transfers."""
    depth_step: float = 1.35
    """factor of the coarse search."""
    queue_delay: float = 2.0
    """ms of waiting at losses below which nothing can be said: timer and ACK noise."""
    queue_share: float = 0.2
    """of depth / rate, the delay of a queue of that depth, at losses; a policer adds none, a queue all of it."""
    delay_follows: float = 0.2
    """slope of delay against the bucket's deficit: 1 for a queue, 0 for a policer."""
    standing_delay: float = 20.0
    """ms of waiting at losses, if no less than at other times, that only a queue explains whatever the fit says."""
    min_gain: float = 20.0
    """nats over bursty random loss: odds of e^20 outweigh the tens of thousands of buckets that were tried."""
    min_gain_share: float = 0.03
    """the same, of the entropy of the losses: weaker ties (loss that grows with burst length, say) are no policer."""
    policed_share: float = 0.5
    """of the entropy explained: most of what is to be known of which packets die is known from the bucket."""
    policed_rank: float = 0.1
    """median rank, among the levels that passing packets met, of the level at the first loss of an episode: a policer
    drops when the bucket is at its lowest, whatever made the losses after the first."""
    partial_share: float = 0.12
    """of the entropy explained, if part of the traffic was not seen; the gain then has to beat outages too."""
    receiver_share: float = 0.2
    """the same behind the policer, where only one loss of each hole is seen."""
    receiver_gain: float = 7.0
    """nats, behind the policer, by which the bucket tells after which packets others were lost: odds of a thousand."""
    receiver_rate_to: float = 6.0
    """in place of `rate_to` behind the policer: holes lack most losses, and large rates explain single ones."""
    receiver_depth: float = 3.0
    """packets, least depth tried behind the policer: smaller ones fit any two packets in a row, as a hole's loss is put
    close after the packet before it. A fit at this bound decides nothing."""
    shallow: float = 4.0
    """ms of depth / rate below which a policer and a short queue look alike: twice `queue_delay`."""
    shallow_packets: float = 3.0
    """packets of depth below which a policer and a slow link look alike: one is being sent, one waits, and waiting takes no
    longer than sending, which the base round trip holds."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.rate_step <= 1 or self.depth_step <= 1:
            raise ValueError("policing.rate_step and policing.depth_step are factors and must be over 1")
        if not 0 < self.rate_from < self.rate_to or not 0 < self.depth_from < self.depth_to:
            raise ValueError(
                "policing.rate_from/rate_to and policing.depth_from/depth_to must be positive and in order"
            )
        if self.min_lost < 1 or self.min_passed < 1 or self.min_episodes < 1:
            raise ValueError("policing.min_lost, min_passed and min_episodes must be at least 1")


class Cause(StrEnum):
    """What explains the losses of a direction; those after the first two are the codes for why it is not policing."""

    POLICED = "policed"
    POLICED_PARTLY_SEEN = "policed_partly_seen"  # more traffic shares the bucket than was captured
    TOO_FEW = "too_few"  # losses, episodes or delivered packets
    QUEUE = "queue"  # a buffer that overflows
    RANDOM = "random"  # independent or bursty loss
    SHALLOW = "shallow"  # the bucket is so small that it may be a short buffer
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one direction of an address pair shows. Shares in 0..1; `first_loss`, `last_loss` in ns, 0 for none.

    `explained`: share of the entropy of the losses that the bucket explains (R²). `gain`: nats over losses in bursts of
    packets, `gain_in_time` over bursts in time (outages) too. `rank`: median, over episodes, of the rank of the level
    at the first loss among the levels that passing packets met. `loss_delay`: ms of waiting at losses.
    `delay_slope`: of delay against the bucket's deficit, None if the deficit hardly varied. `confidence` in the cause.
    """

    cause: Cause
    lost: int
    passed: int
    episodes: int = 0
    first_loss: int = 0
    last_loss: int = 0
    at_receiver: bool = False
    rate_bps: float = 0.0
    rate_low_bps: float = 0.0
    rate_high_bps: float = 0.0
    delivered_bps: float = 0.0
    burst_bytes: float = 0.0
    explained: float = 0.0
    gain: float = 0.0
    gain_in_time: float = 0.0
    rank: float = 1.0
    loss_delay: float = 0.0
    delay_slope: float | None = None
    base_rtt: float = 0.0
    confidence: float = 0.0

    @property
    def policed(self) -> bool:
        """Whether the cause is a policer."""
        return self.cause in (Cause.POLICED, Cause.POLICED_PARTLY_SEEN)
