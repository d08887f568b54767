"""Explanations of the detectors that judge sums of windows."""

from __future__ import annotations

from typing import Any

from wireverdict.detectors.shares import wilson_lower
from wireverdict.explain.parts import Check, Evidence, Explanation, compare, most_below, number, shown

BOUND = "lower 95 % bound of "


def dns_loss(evidence: Evidence, settings: Any) -> Explanation:
    """`dns-loss`."""
    attempts, lost = number(evidence, "attempts"), number(evidence, "unanswered")
    low = number(evidence, "unanswered_share_at_least")
    made = Explanation(
        [
            "Every DNS query packet is an attempt, retries included. An attempt is unanswered if no answer came within "
            f"{settings.windows.dns_timeout:g} s. It is a finding when there are enough attempts and even the lower end of "
            "the 95 % score interval of the unanswered share is over the threshold.",
        ],
        compare(
            settings,
            "detectors.dns_loss",
            ("attempts", attempts, "at least", "min_attempts", "count"),
            (BOUND + "the unanswered share", low, "over", "warning", "share"),
            ("the same, for critical", low, "over", "(critical)", "share"),
        ),
    )
    bearable = most_below(int(attempts), settings.detectors.dns_loss.warning, wilson_lower)
    made.changes.append(
        f"At most {bearable:,} unanswered of {attempts:,.0f} attempts would have been no finding; there were {lost:,.0f}."
    )
    if late := number(evidence, "late"):
        made.changes.append(
            f"With a longer windows.dns_timeout, {late:,.0f} late answers would have counted as answers, and "
            f"{lost - late:,.0f} attempts would be left unanswered."
        )
    if evidence.get("nothing_came_back"):
        made.next_steps.append(
            "Nothing at all was seen to come from there: see that the capture holds both directions."
        )
    return made


def throttling_ratio(evidence: Evidence, settings: Any) -> Explanation:
    """`throttling-ratio`."""
    mine, section = settings.detectors.throttling_ratio, "detectors.throttling_ratio"
    ratio, usual, floor = (number(evidence, name) for name in ("ratio", "baseline_ratio", "floor"))
    out, windows = number(evidence, "packets_out"), number(evidence, "baseline_windows")
    under, below = floor > 0 and ratio < floor, usual > 0 and ratio * mine.drop < usual
    made = Explanation(
        [
            "Packets that came back for each packet sent. Services where each request has an answer have a floor; other "
            "traffic is compared with what the same subject's packets of the same size used to get, in good windows.",
        ],
        compare(settings, section, ("packets out", out, "at least", "min_out", "count")),
    )
    if floor:
        name = "(floor)" if below else "floor"
        made.checks += compare(settings, section, ("packets in per packet out", ratio, "under", name, "ratio"))
    if usual:
        names = ("(drop)", "(least_windows)") if under else ("drop", "least_windows")
        times = usual / ratio if ratio else float("inf")
        made.checks += compare(
            settings,
            section,
            ("times that the usual ratio is higher", times, "over", names[0], "ratio"),
            ("windows that made the usual", windows, "at least", names[1], "windows"),
        )
    needed = max(floor if under else 0.0, usual / mine.drop if below else 0.0)
    made.changes.append(
        f"About {needed * out:,.0f} packets in, for the {out:,.0f} that went out, would have been no finding; "
        f"{number(evidence, 'packets_in'):,.0f} came."
    )
    made.next_steps.append("evidence.busiest_destinations has packets out and in of the ten busiest peers: see whose.")
    return made


def new_flow_loss(evidence: Evidence, settings: Any) -> Explanation:
    """`new-flow-loss`."""
    attempts, lost = number(evidence, "attempts"), number(evidence, "lost")
    low, living = number(evidence, "lost_share_lower_95"), number(evidence, "established_flows_advancing")
    made = Explanation(
        [
            "A new TCP connection is lost when neither a SYN-ACK nor a RST nor an ICMP error answered its SYN. Refusals "
            "are answers, and retries are not attempts of their own. It is a finding when even the lower end of the 95 % "
            "score interval of the lost share is over the threshold. A host as a whole is named only while established "
            "flows of it go on.",
        ],
        compare(
            settings,
            "detectors.new_flow_loss",
            ("attempts", attempts, "at least", "min_attempts", "count"),
            (BOUND + "the lost share", low, "over", "warning_share", "share"),
            ("the same, for critical", low, "over", "(critical_share)", "share"),
            ("established flows that go on", living, "at least", "(min_established)", "count"),
        ),
    )
    bearable = most_below(int(attempts), settings.detectors.new_flow_loss.warning_share, wilson_lower)
    made.changes.append(
        f"At most {bearable:,} lost of {attempts:,.0f} attempts would have been no finding; there were {lost:,.0f}. "
        "Answers of any kind, refusals too, would have helped."
    )
    return made


def retransmission_storm(evidence: Evidence, settings: Any) -> Explanation:
    """`retransmission-storm`."""
    needed = number(evidence, "retransmissions") - number(evidence, "spurious_retransmissions")
    data, low = number(evidence, "data_packets"), number(evidence, "retransmission_share_lower_95")
    made = Explanation(
        [
            "Data packets of one direction of an address pair that were sent again, less those that proved needless and "
            "those that the capture holds twice, as a share of all data packets (lower end of the 95 % score interval).",
        ],
        compare(
            settings,
            "detectors.retransmission_storm",
            ("needed retransmissions", needed, "at least", "min_retransmissions", "count"),
            (BOUND + "their share", low, "over", "warning_share", "share"),
            ("the same, for critical", low, "over", "(critical_share)", "share"),
        ),
    )
    bearable = most_below(int(data), settings.detectors.retransmission_storm.warning_share, wilson_lower)
    made.changes.append(f"At most {bearable:,} of {data:,.0f} data packets sent again would have been no finding.")
    return made


def zero_window(evidence: Evidence, settings: Any) -> Explanation:
    """`zero-window`."""
    share, stalled = number(evidence, "stalled_share"), number(evidence, "stalled_ms")
    width = stalled / share if 0 < share < 1 else 1000 * settings.windows.width
    limit = settings.detectors.zero_window.warning_share * width
    return Explanation(
        [
            "How long a host kept its TCP receive window closed towards one peer, as a share of the window's length. The "
            "host does not read what has arrived; the network has no part in it.",
        ],
        compare(
            settings,
            "detectors.zero_window",
            ("share of the time closed", share, "at least", "warning_share", "share"),
            ("the same, for critical", share, "at least", "(critical_share)", "share"),
        ),
        [f"Closed for less than {shown(limit, 'ms')} of {shown(width, 'ms')}, it would have been no finding."],
    )


def capture_loss(evidence: Evidence, settings: Any) -> Explanation:
    """`capture-loss`."""
    events = max(number(evidence, "missed_events"), number(evidence, "reported_drops"))
    low, least = number(evidence, "missed_share_lower_95"), settings.detectors.capture_loss.min_events
    return Explanation(
        [
            "Acknowledgements of data that is not in the capture, and drops that the capturing side itself reported, "
            "against the data packets that were seen (lower end of the 95 % score interval).",
        ],
        compare(
            settings,
            "detectors.capture_loss",
            ("such acknowledgements, or reported drops", events, "at least", "min_events", "count"),
            (BOUND + "the missed share", low, "over", "warning_share", "share"),
            ("the same, for critical", low, "over", "(critical_share)", "share"),
        ),
        [f"Fewer than {least:,} such events would have been no finding; nor would a capture without gaps."],
    )


def sensor_silence(evidence: Evidence, settings: Any) -> Explanation:
    """`sensor-silence`."""
    silent, limit = number(evidence, "silent_s"), number(evidence, "limit_s", settings.stream.silence)
    return Explanation(
        [
            "A sensor is silent when the packets of other sensors go on and its own stay behind by more than the limit, all "
            "in packet time.",
        ],
        [Check("s behind the latest sensor", silent, "over", limit, "s", "stream.silence")],
        [f"One packet, or one tick of its clock, within {shown(limit, 's')} would have been enough."],
    )


def detector_error(evidence: Evidence, settings: Any) -> Explanation:
    """`detector-error`."""
    names = ", ".join(map(str, evidence.get("detectors", [])))
    return Explanation(
        [
            f"A detector that is not part of wireverdict ({names}) raised an exception, or said something that cannot be told. "
            "What it said in that window was left out; everything else was judged as ever.",
            f"{evidence.get('summary', '')}.",
        ],
        changes=["A detector that breaks in no window would have said nothing of this."],
    )
