"""From table rows to connection records."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections import history
from wireverdict.connections.flags import storm
from wireverdict.connections.layout import (
    BY_TIMESTAMP,
    CLOSED,
    DATA_TIMED,
    ESTABLISHED,
    INACTIVE,
    INLINE_RTT,
    NEVER_ANSWERED,
    ORIGINATOR_COPIED,
    ORIGINATOR_LOW,
    ORIGINATOR_RESET,
    PARTIAL,
    RESET,
    RESPONDER_COPIED,
    RTT_BUCKETS,
    SYN_ACK_SENT,
    SYN_SENT,
)
from wireverdict.connections.pools import FREE_ROW, give_back
from wireverdict.connections.sequence import stream_bytes
from wireverdict.connections.track import CONNS, HALVES, HISTOGRAMS, I4, I8, TROUBLES
from wireverdict.headers import TCP, UDP
from wireverdict.kernels import kernel, types
from wireverdict.kernels.prefetch import prefetch
from wireverdict.records import CONNECTION, RttMethod, State

(OTH, S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR) = (int(state) for state in State)
LETTERS = np.frombuffer(b"?SHADFRTWIQ^G   ?shadfrtwiq^g   ", np.uint8).copy()
METHOD_NONE, METHOD_SEQ_ACK, METHOD_TIMESTAMPS, METHOD_HANDSHAKE = (
    int(m) for m in (RttMethod.NONE, RttMethod.SEQ_ACK, RttMethod.TIMESTAMPS, RttMethod.HANDSHAKE)
)
FOREVER = np.uint32(0xFFFFFFFF)  # HALF.last_data after 19 hours
AHEAD = 8  # rows whose memory is asked for before they are needed
RECORDS = types.from_dtype(CONNECTION)[::1]


@kernel(borrow=True)
def only_attempted(c: Any) -> Any:
    """Whether the originator sent nothing but a SYN before its RST, by the history as Zeek tells it: ^?S[^HAFGIQ]*R."""
    first = 1 if c.letters and history.code_at(c, 0) == history.FLIP else 0
    for n in range(first, np.int64(c.letters)):
        code = history.code_at(c, n)
        if n == first and code != history.S:
            return False
        if code == history.R:
            return True
        if code == history.H or code == history.A or code == history.F or code == history.I or code == history.Q:
            return False
    return False


@kernel(inline=True, borrow=True)
def tcp_state(c: Any, a: Any, b: Any) -> Any:
    """Zeek's conn_state (base/protocols/conn/main.zeek)."""
    a_silent = a.state == INACTIVE or a.state == PARTIAL
    b_silent = b.state == INACTIVE or b.state == PARTIAL
    if b.state == RESET:
        if (
            a.state == SYN_SENT
            or a.state == SYN_ACK_SENT
            or (a.state == RESET and stream_bytes(a) == 0 and stream_bytes(b) == 0)
        ):
            return REJ
        return RSTRH if a_silent else RSTR
    if a.state == RESET:
        if not b_silent:
            return RSTO
        return RSTOS0 if only_attempted(c) else OTH
    if a.state == CLOSED:
        if b.state == CLOSED:
            return SF
        return SH if b_silent else S2
    if b.state == CLOSED:
        return SHR if a_silent else S3
    if a.state == SYN_SENT and b.state == INACTIVE:
        return S0
    if a.state == ESTABLISHED and b.state == ESTABLISHED:
        return S1
    return OTH


@kernel(inline=True, borrow=True)
def only_copied(side: Any, e: Any, trouble: Any) -> Any:
    """Whether it makes no storm of what a direction (its SIDE, its HALF) sent again, but for what was captured twice."""
    if not e.trouble or not trouble[np.int64(e.trouble) - 1].copies:
        return False
    t = trouble[np.int64(e.trouble) - 1]
    repeats = np.int64(t.retransmissions) - np.int64(t.copies)
    sent_again = side.retransmitted_bytes - t.copied_bytes
    return not storm(repeats, np.int64(t.spurious), sent_again, side.payload_bytes - t.copied_bytes)


@kernel(inline=True, borrow=True)
def bucket_start(bucket: Any) -> Any:
    """Smallest time of a histogram bucket, µs (the inverse of pools.bucket_of)."""
    if bucket < 8:
        return float(bucket)
    return float((8 + bucket % 8) << (bucket // 8 - 1))


@kernel(borrow=True)
def quantile(kept: Any, samples: Any, numerator: Any) -> Any:
    """The `numerator`/100 quantile of a histogram, µs: straight line inside a bucket, held within the extremes seen."""
    wanted = numerator * (samples - 1) / 100.0
    before = np.int64(0)
    for bucket in range(RTT_BUCKETS):
        count = np.int64(kept.count[bucket])
        if count and wanted < before + count:
            low, high = bucket_start(bucket), bucket_start(bucket + 1)
            value = np.int64(low + (high - low) * min((wanted - before + 0.5) / count, 1.0))
            return min(max(value, np.int64(kept.low)), np.int64(kept.high))
        before += count
    return np.int64(kept.high)


@kernel(borrow=True)
def fill_rtt(s: Any, e: Any, histogram: Any, handshake_only: Any) -> None:
    """Round-trip figures of a direction: exact for up to three samples, from the histogram beyond."""
    n = np.int64(e.rtt_samples)
    s.rtt_samples = n
    if n == 0:
        return
    s.rtt_method = METHOD_TIMESTAMPS if e.bits & BY_TIMESTAMP else METHOD_SEQ_ACK
    if handshake_only:
        s.rtt_method = METHOD_HANDSHAKE
    if n > INLINE_RTT:
        kept = histogram[np.int64(e.rtt[0]) - 1]
        s.rtt_min, s.rtt_max = kept.low, kept.high
        for percent in (50, 95):
            value = np.uint32(quantile(kept, n, percent))
            if percent == 50:
                s.rtt_p50 = value
            else:
                s.rtt_p95 = value
        return
    x, y, z = np.int64(e.rtt[0]), np.int64(e.rtt[1]), np.int64(e.rtt[2])
    if n == 1:
        y = x
        z = x
    elif n == 2:
        z = max(x, y)
        x = min(x, y)
        y = (x + z) // 2
    else:
        low = min(x, y, z)
        high = max(x, y, z)
        y = x + y + z - low - high
        x = low
        z = high
    s.rtt_min = x
    s.rtt_p50 = y
    s.rtt_p95 = np.uint32(z)  # nearest rank with so few samples
    s.rtt_max = z


@kernel(borrow=True)
def fill_side(s: Any, e: Any, tcp: Any, trouble: Any, histogram: Any) -> None:
    """One direction's figures."""
    s.packets = np.uint64(e.packets)
    s.bytes = np.uint64(e.ip_bytes)
    s.mss = e.mss
    s.peak_in_flight = e.peak_flight
    open_bytes: Any = np.int64(0)
    if e.trouble:
        t = trouble[np.int64(e.trouble) - 1]
        s.bytes += np.uint64(t.ip_bytes_high) << np.uint64(32)
        if not tcp:
            s.payload_bytes = np.uint64(t.payload_high) << np.uint64(32)
        s.retransmitted_bytes = t.retransmitted_bytes
        s.missed_bytes = t.missed_bytes
        s.retransmissions = t.retransmissions
        s.spurious_retransmissions = t.spurious
        s.out_of_order = t.out_of_order
        s.duplicate_acks = t.duplicate_acks
        s.zero_windows = t.zero_windows
        s.keep_alives = t.keep_alives
        for k in range(t.holes):
            open_bytes += np.int64(np.uint32(t.hole_right[k] - t.hole_left[k]))
        open_bytes += np.int64(t.filled_bytes)
    if not tcp:
        s.payload_bytes += np.uint64(e.next)
        return
    s.stream_bytes = np.uint64(stream_bytes(e))
    unique: Any = np.int64(s.stream_bytes) - np.int64(s.missed_bytes)
    s.payload_bytes = np.uint64(max(unique - open_bytes + np.int64(s.retransmitted_bytes), 0))
    span = (np.int64(e.last_data) - np.int64(e.first_data)) * 16  # µs
    if span >= 1000 and e.first_data and e.last_data != FOREVER:
        s.throughput_bps = np.uint64(max(unique, 0) * 8_000_000 // span)
    fill_rtt(s, e, histogram, not e.bits & DATA_TIMED)


@kernel(
    types.void(
        I4, types.int64, CONNS, HALVES, TROUBLES, HISTOGRAMS, RECORDS, types.uint8, types.uint16[::1], types.uint8[::1]
    ),
    borrow=True,
)
def make_records(
    rows: Any,
    count: Any,
    conn: Any,
    half: Any,
    trouble: Any,
    histogram: Any,
    records: Any,
    final: Any,
    bits: Any,
    answers: Any,
) -> None:
    """Write records[k] (all zero before) from the table's rows[k], for k < count. The table is not changed.

    bits[k] and answers[k] get the row's bits and the responder's state, for the flags.
    """
    for k in range(count):
        if k + AHEAD < count:
            soon = np.int64(rows[k + AHEAD])
            prefetch(conn, soon, 0)
            prefetch(conn, soon, 64)
            prefetch(half, 2 * soon, 0)
            prefetch(half, 2 * soon, 64)
            prefetch(half, 2 * soon, 128)
        at = np.int64(rows[k])
        c, a, b, r = conn[at], half[2 * at], half[2 * at + 1], records[k]
        is_tcp = c.protocol == TCP
        if c.bits & ORIGINATOR_LOW:
            r.src_hi, r.src_lo, r.dst_hi, r.dst_lo = c.low_hi, c.low_lo, c.high_hi, c.high_lo
            r.sport, r.dport = c.low_port, c.high_port
        else:
            r.src_hi, r.src_lo, r.dst_hi, r.dst_lo = c.high_hi, c.high_lo, c.low_hi, c.low_lo
            r.sport, r.dport = c.high_port, c.low_port
        r.protocol = c.protocol
        r.first_ts, r.last_ts = c.first_ts, c.last_ts
        r.handshake = (np.int64(c.handshake) - 1) * 1000 if c.handshake else np.int64(-1)
        r.idle = np.int64(c.idle) * 1_000_000
        r.final = final
        r.history_length = c.letters
        for n in range(np.int64(c.letters)):
            r.history[n] = LETTERS[history.code_at(c, n)]
        fill_side(r.source, a, is_tcp, trouble, histogram)
        fill_side(r.destination, b, is_tcp, trouble, histogram)
        if is_tcp:
            r.state = tcp_state(c, a, b)
        elif c.protocol == UDP:
            r.state = (SF if b.packets else S0) if a.packets else (SHR if b.packets else OTH)
        else:
            r.state = OTH
        r.flags_known = 0
        r.flags_true = 0
        mine = c.bits
        if a.state == RESET:
            mine = np.uint16(mine | ORIGINATOR_RESET)
        if b.state == INACTIVE or (b.state == RESET and b.previous == INACTIVE):
            mine = np.uint16(mine | NEVER_ANSWERED)
        if is_tcp and only_copied(r.source, a, trouble):
            mine = np.uint16(mine | ORIGINATOR_COPIED)
        if is_tcp and only_copied(r.destination, b, trouble):
            mine = np.uint16(mine | RESPONDER_COPIED)
        bits[k] = mine
        answers[k] = np.uint8(b.state)


@kernel(types.void(I4, types.int64, CONNS, HALVES, TROUBLES, HISTOGRAMS, I8), borrow=True)
def release(rows: Any, count: Any, conn: Any, half: Any, trouble: Any, histogram: Any, counters: Any) -> None:
    """Give the rows of ended connections back, and what they held in side tables."""
    for k in range(count):
        at = np.int64(rows[k])
        give_back(half[2 * at], trouble, histogram, counters)
        give_back(half[2 * at + 1], trouble, histogram, counters)
        conn[at].bits = 0
        conn[at].first_ts = counters[FREE_ROW]
        counters[FREE_ROW] = at + 1
