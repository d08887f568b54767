"""Explanations of the detectors that judge paths."""

from __future__ import annotations

from typing import Any

from wireverdict.explain.parts import Check, Evidence, Explanation, compare, number, shown


def policing(evidence: Evidence, settings: Any) -> Explanation:
    """`policing`."""
    mine, section = settings.paths.policing, "paths.policing"
    rate, burst = number(evidence, "rate_bps"), number(evidence, "burst_bytes")
    bucket = 8000 * burst / rate if rate else 0.0  # ms that a queue of that depth would make packets wait
    unseen = bool(evidence.get("part_of_traffic_unseen"))
    explained, gain = number(evidence, "losses_explained_share"), number(evidence, "gain_nats")
    made = Explanation(
        [
            "A token bucket of one rate and one depth is played over the packets of all connections from one address to "
            "the other. It is policing when the bucket is dry where packets were lost and not where they passed, far "
            "better than chance or bursts of loss explain it, and packets did not wait as they would in a queue.",
        ],
        compare(
            settings,
            section,
            ("packets lost", number(evidence, "lost_packets"), "at least", "min_lost", "count"),
            ("packets passed", number(evidence, "passed_packets"), "at least", "min_passed", "count"),
            ("loss episodes", number(evidence, "loss_episodes"), "at least", "min_episodes", "count"),
            ("evidence over bursty random loss", gain, "at least", "min_gain", "nats"),
        ),
    )
    what, name = "share of the losses' entropy explained", "partial_share" if unseen else "policed_share"
    made.checks += compare(settings, section, (what, explained, "at least", name, "share"))
    waited, allowed = number(evidence, "delay_at_losses_ms"), max(mine.queue_delay, mine.queue_share * bucket)
    what = f"waiting at losses (in a queue of this depth {shown(bucket, 'ms')})"
    made.checks.append(Check(what, waited, "at most", allowed, "ms", f"{section}.queue_share"))
    if unseen:
        in_time = number(evidence, "gain_over_outages_nats")
        made.checks += compare(settings, section, ("evidence over outages", in_time, "at least", "min_gain", "nats"))
        made.rule.append("Part of the traffic that shares the bucket was not captured, so the rate is approximate.")
    elif rate:
        rank = number(evidence, "level_rank_at_first_losses")
        what = "rank of the level at first losses (0: the emptiest)"
        made.checks += compare(settings, section, (what, rank, "at most", "policed_rank", "ratio"))
    if evidence.get("delay_slope") is not None:
        slope = number(evidence, "delay_slope")
        what = "slope of delay against the bucket's deficit (queue 1, policer 0)"
        made.checks += compare(settings, section, (what, slope, "under", "delay_follows", "ratio"))
    made.changes.append(
        f"Had packets waited about {shown(bucket, 'ms')} at losses, it would have been called a queue; had losses come at "
        "any level of the bucket, random loss."
    )
    low, high = number(evidence, "rate_low_bps"), number(evidence, "rate_high_bps")
    made.next_steps.append(
        f"Ask for a limit of {shown(rate, 'bps')}; rates from {shown(low, 'bps')} to {shown(high, 'bps')} fit nearly as well."
    )
    return made


def bufferbloat(evidence: Evidence, settings: Any) -> Explanation:
    """`bufferbloat`."""
    mine, section = settings.paths.bufferbloat, "paths.bufferbloat"
    base, loaded = number(evidence, "base_rtt_ms"), number(evidence, "loaded_rtt_p50_ms")
    kappa, rate = number(evidence, "kappa"), number(evidence, "throughput_bps")
    made = Explanation(
        [
            "While a connection uses the path fully, its round trips grow with its own bytes in flight and its throughput "
            "does not: the extra bytes wait in a queue. kappa, the slope of the round trip against the bytes in flight "
            "times the throughput, is 1 where such a queue stands and 0 where delay has another cause.",
        ],
        compare(
            settings,
            section,
            ("seconds under load", number(evidence, "seconds_under_load"), "at least", "min_seconds", "count"),
            (
                "of these, with a standing queue",
                number(evidence, "seconds_bloated"),
                "at least",
                "min_seconds",
                "count",
            ),
            ("waiting under load, median", number(evidence, "queue_delay_ms"), "at least", "(queue_delay)", "ms"),
            ("round trip under load, times the base", loaded / base if base else 0, "at least", "(inflation)", "ratio"),
            ("kappa", kappa, "at least", "kappa_low", "ratio"),
            ("kappa", kappa, "at most", "kappa_high", "ratio"),
        ),
    )
    limit = max(mine.queue_delay, (mine.inflation - 1) * base)
    made.changes += [
        f"A queue that made packets wait less than {shown(limit, 'ms')} would have been no finding: at {shown(rate, 'bps')} "
        f"that is a buffer of {shown(rate / 8 * limit / 1000, 'bytes')}.",
        "Had the delay not followed the bytes in flight, it would have been put down to other traffic or the route.",
    ]
    if evidence.get("queue"):
        made.next_steps.append(f"The queue stands {evidence['queue']}.")
    return made
