"""The packets' story of a difference: what is plotted beside its evidence, made of the headers of its subject.

Everything is bounded: a plot holds some thousand marks at most, and says what it left out.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.backtest import exchanges, sequence
from wireverdict.headers import DNS, PORTS, TCP
from wireverdict.verdicts import Subject
from wireverdict.windows.home import address_halves

SECOND = 1_000_000_000
BEFORE, AFTER = 20 * SECOND, 20 * SECOND
"""ns of packets around the time from an incident's beginning to when it was told."""
LONGEST = 180 * SECOND
"""ns of packets of a story at most: those before the verdict and a little after it."""
HEADERS = 400_000
"""Headers of a story at most; those that came first."""
ASKED = {"dns-loss", "throttling-ratio"}
BY_ATTEMPT = {"new-flow-loss"}

Mask = NDArray[np.bool_]


class Plot(msgspec.Struct, frozen=True):
    """One figure. `kind`: sequence, rtt, exchanges or packets. `series`: by name, lists of numbers; times in s since `zero`
    (ns)."""

    kind: str
    title: str
    note: str
    zero: int
    series: dict[str, Any]


def span(start: int, fired: int, resolved: int | None) -> tuple[int, int]:
    """The times (ns) between which packets are wanted for an incident."""
    until = min(fired if resolved is None else resolved, fired + AFTER) + AFTER
    return max(start - BEFORE, until - LONGEST), until


def mine(rows: NDArray[np.void], subject: Subject) -> Mask:
    """Which headers (HEADER[n]) are between the ends that a subject names, in either direction."""
    one, other = _at(rows, subject.source_ip), _at(rows, subject.destination_ip)
    there = one[0] & other[1]
    back = one[1] & other[0]
    if subject.destination_port and np.any(rows["present"] & PORTS):
        there &= rows["dport"] == subject.destination_port
        back &= rows["sport"] == subject.destination_port
    chosen: Mask = there | back
    if subject.protocol == "tcp":
        chosen &= rows["protocol"] == TCP
    return chosen


def story(rows: NDArray[np.void], rule: str, subject: Subject, marked: int) -> list[Plot]:
    """Plots of the headers (HEADER[n], in order of time) of a subject. `marked`: the time (ns) that matters, such as when a
    verdict was told."""
    if not len(rows):
        return []
    zero = int(rows["ts"][0])
    made: list[Plot] = []
    dns = rows[rows["present"] & DNS != 0]
    tcp = rows[(rows["protocol"] == TCP) & (rows["present"] & PORTS != 0)]
    if len(dns) and (rule in ASKED or subject.destination_port == 53):
        made.append(Plot("exchanges", "DNS queries by what became of them", *exchanges.dns(dns, zero)))
    elif rule in BY_ATTEMPT and len(tcp):
        made.append(Plot("exchanges", "Connection attempts by what became of them", *exchanges.connections(tcp, zero)))
    elif len(tcp) and rule not in ASKED:
        chosen = sequence.busiest(tcp, subject)
        if chosen is not None:
            note, series = sequence.time_sequence(chosen, zero, marked)
            made.append(Plot("sequence", "Time and sequence numbers", note, zero, series))
            note, series = sequence.round_trips(chosen, zero)
            if series["far_rtt"] or series["near_rtt"]:
                made.append(Plot("rtt", "Round trips against bytes in flight", note, zero, series))
    if not made:
        made.append(Plot("packets", "Packets each way", *exchanges.packets(rows, zero, subject)))
    return made


def _at(rows: NDArray[np.void], ip: str) -> tuple[Mask, Mask]:
    """Where an address is the source, and where the destination; everywhere for no address."""
    if not ip:
        return np.ones(len(rows), np.bool_), np.ones(len(rows), np.bool_)
    hi, lo = address_halves(ip)
    source: Mask = (rows["src_hi"] == hi) & (rows["src_lo"] == lo)
    destination: Mask = (rows["dst_hi"] == hi) & (rows["dst_lo"] == lo)
    return source, destination
