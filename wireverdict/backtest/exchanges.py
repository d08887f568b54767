"""Questions and answers over time, for plots: DNS queries, connection attempts, packets each way; by the second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ACK, RST, SYN
from wireverdict.verdicts import Subject
from wireverdict.windows.home import address_halves

SECOND = 1_000_000_000
IN_TIME = 5 * SECOND
"""As in `dns-loss`: the time-out of common stub resolvers."""
MOST = 60_000
"""Headers that are matched one by one."""
RESPONSE = 0x8000

Told = tuple[str, int, dict[str, Any]]
"""Note, zero (ns), series: ``second`` and counts of the same length."""


def dns(rows: NDArray[np.void], zero: int) -> Told:
    """Queries by the second in which they were asked: answered in time, late, not at all; and answers without a question.

    A simpler match than that of the windows (same ends, ports, id and name; oldest first): for the eye, not for counts.
    """
    is_answer = rows["dns_flags"] & RESPONSE != 0
    return _match(rows, is_answer, ("dns_id", "dns_qhash"), zero, "queries")


def connections(rows: NDArray[np.void], zero: int) -> Told:
    """SYNs by the second in which they were sent: answered (SYN-ACK or RST) in time, late, not at all."""
    flags = rows["tcp_flags"]
    first = flags & (SYN | ACK) == SYN
    answer = (flags & (SYN | ACK) == (SYN | ACK)) | (flags & RST != 0)
    chosen = first | answer
    return _match(rows[chosen], answer[chosen], (), zero, "attempts", orphans=False)


def packets(rows: NDArray[np.void], zero: int, subject: Subject) -> Told:
    """Packets by the second: from the subject's source (without one: of the first packet's) and to it."""
    if subject.source_ip:
        hi, lo = address_halves(subject.source_ip)
    elif subject.destination_ip:
        hi, lo = address_halves(subject.destination_ip)
    else:
        hi, lo = int(rows["src_hi"][0]), int(rows["src_lo"][0])
    out = (rows["src_hi"] == hi) & (rows["src_lo"] == lo)
    seconds = (rows["ts"] - zero) // SECOND
    many = int(seconds.max()) + 1
    series = {
        "second": list(range(many)),
        "from it": np.bincount(seconds[out], minlength=many).tolist(),
        "to it": np.bincount(seconds[~out], minlength=many).tolist(),
    }
    return f"{len(rows):,} packets.", zero, series


def _match(
    rows: NDArray[np.void],
    is_answer: NDArray[np.bool_],
    also: tuple[str, ...],
    zero: int,
    name: str,
    orphans: bool = True,
) -> Told:
    left_out = max(len(rows) - MOST, 0)
    rows, is_answer = rows[:MOST], is_answer[:MOST]
    ends = [rows[field].tolist() for field in ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport")]
    more = [rows[field].tolist() for field in also]
    times = rows["ts"].tolist()
    waiting: dict[tuple[Any, ...], list[int]] = {}
    fate: dict[int, int] = {}
    lost: list[int] = []
    for i, answer in enumerate(is_answer.tolist()):
        a_hi, a_lo, b_hi, b_lo, sport, dport = (column[i] for column in ends)
        rest = tuple(column[i] for column in more)
        if not answer:
            waiting.setdefault((a_hi, a_lo, b_hi, b_lo, sport, dport, *rest), []).append(i)
            fate[i] = 2
            continue
        asked = waiting.get((b_hi, b_lo, a_hi, a_lo, dport, sport, *rest))
        if asked:
            query = asked.pop(0)
            fate[query] = int(times[i] - times[query] > IN_TIME)
        else:
            lost.append(i)
    many = (max(times) - zero) // SECOND + 1 if times else 1
    counts = np.zeros((4, many), np.int64)
    for i, what in fate.items():
        counts[what, (times[i] - zero) // SECOND] += 1
    for i in lost:
        counts[3, (times[i] - zero) // SECOND] += 1
    series: dict[str, Any] = {"second": list(range(many))}
    series |= {key: counts[place].tolist() for place, key in enumerate(("answered", "late", "unanswered"))}
    if orphans and counts[3].any():
        series["answers without a question"] = counts[3].tolist()
    note = f"{int(counts[:3].sum()):,} {name}, {int(counts[2].sum()):,} without an answer."
    return note + (f" {left_out:,} packets after that are left out." if left_out else ""), zero, series
