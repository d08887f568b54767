"""A look at the windows that are still open, without closing them: what happened in the last ten to thirty seconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows import dns_state, state
from wireverdict.windows.fields import DNS_COUNTS, DNS_KEY, LATENCY_BUCKETS, SERVICE_KEY, Dns
from wireverdict.windows.windows import Windows

Pairs = NDArray[np.int64]


class Recent(NamedTuple):
    """Open windows, their rows one window after the other: the same service may have several rows.

    `since`, `until`: ns of packet time that they cover (0, 0: nothing is open). `keys` SERVICE_KEY[n]; the others int64
    (n, 2), by the side of the pair that sent: packets, IP bytes, packets that the capturing host sent and received.
    `asked` DNS_KEY[m], client and resolver; `dns` int64 (m, len(Dns)), where PENDING counts attempts that still have time;
    `latency` int64 (k, 3): row of `asked`, bucket, answers.
    """

    since: int
    until: int
    keys: NDArray[np.void]
    packets: Pairs
    octets: Pairs
    out: Pairs
    into: Pairs
    asked: NDArray[np.void]
    dns: NDArray[np.int64]
    latency: NDArray[np.int64]


def recent(windows: Windows) -> Recent:
    """What the open windows hold. Copies: valid whatever comes after."""
    ring, s = windows._ring, windows._s
    there = np.flatnonzero(ring["open"][:-1] * (ring["packets"][:-1] > 0))
    places = [int(place) for place in there[np.argsort(ring["number"][there])]]
    rows = int(s[state.SERVICES])
    keys, packets, octets, out, into = [], [], [], [], []
    for place in places:
        used = slice(place * rows, place * rows + int(ring["used"][place]))
        sides = slice(2 * used.start, 2 * used.stop)
        sent, flows = windows._sent[sides].reshape(-1, 2), windows._flows[sides].reshape(-1, 2)
        keys.append(windows._keys[used])
        packets.append(sent["packets"].astype(np.int64))
        octets.append(sent["bytes"])
        out.append(flows["sent_out"].astype(np.int64))
        into.append(flows["sent_in"].astype(np.int64))
    joined = np.concatenate([np.zeros(0, SERVICE_KEY), *keys])
    joined["pad"] = 0
    since, until = 0, 0
    if places:
        since = int(ring["first"][places].min())
        until = max(since + 1, int(ring["last"][places].max()))
    asked, dns, latency = _dns(windows, places)
    both = [_stacked(part) for part in (packets, octets, out, into)]
    return Recent(since, until, joined, both[0], both[1], both[2], both[3], asked, dns, latency)


def _stacked(parts: list[Pairs]) -> Pairs:
    return np.concatenate([np.zeros((0, 2), np.int64), *parts])


def _dns(windows: Windows, places: list[int]) -> tuple[NDArray[np.void], NDArray[np.int64], NDArray[np.int64]]:
    """`asked`, `dns` and `latency` of Recent."""
    d, told = windows._dns._d, windows._dns
    pairs = int(d[dns_state.PAIRS])
    memory = told._counts.reshape(-1, dns_state.ROW)
    histograms = told._latency.reshape(-1, LATENCY_BUCKETS)
    attempts = told._attempts[1 : int(d[dns_state.ATTEMPT_USED])]
    young = (attempts["flags"] & dns_state.IN_USE != 0) & (
        attempts["ts"] + d[dns_state.TIMEOUT] > windows._s[state.WATERMARK]
    )
    keys, counts, latency, above = [np.zeros(0, DNS_KEY)], [np.zeros((0, DNS_COUNTS), np.int64)], [], 0
    for place in places:
        first, used = place * pairs, int(windows._ring["dns_used"][place])
        here = memory[first : first + used]
        count = here[:, :DNS_COUNTS].astype(np.int64)
        waits = attempts["row"][young & (attempts["window"] == windows._ring["number"][place])]
        count[:, Dns.PENDING] = np.bincount(waits, minlength=used)[:used]
        few = here[:, DNS_COUNTS:].astype(np.int64)
        many = np.flatnonzero(few[:, 0] & 255 == dns_state.MANY)
        busy = histograms[first + (few[many, 0] >> 8)]
        few[many] = 0
        row, cell = np.nonzero(few)
        latency.append(np.stack([above + row, few[row, cell] & 255, few[row, cell] >> 8], axis=1))
        row, bucket = np.nonzero(busy)
        latency.append(np.stack([above + many[row], bucket, busy[row, bucket].astype(np.int64)], axis=1))
        keys.append(told._pairs[first : first + used])
        counts.append(count)
        above += used
    return np.concatenate(keys), np.concatenate(counts), np.concatenate([np.zeros((0, 3), np.int64), *latency])
