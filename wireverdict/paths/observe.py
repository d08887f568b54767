"""The kernel that looks at every packet, and keeps what the judges of paths will want to know."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.headers import HEADER, TCP
from wireverdict.kernels import kernel, types
from wireverdict.paths import events as ev
from wireverdict.paths import pools
from wireverdict.paths.layout import (
    AGAIN,
    BASES,
    BINS,
    BULK,
    CHUNK,
    DEPARTED,
    ECHOES,
    FAR,
    FORGET,
    FULL_LOG,
    HORIZON,
    KEEP,
    LOAD,
    MEMBER,
    NEAR,
    ORIGINATOR_HIGH,
    OVER_QUOTA,
    PAIR,
    PAIRS_USED,
    PERIOD,
    QUOTA,
    RING,
    SAMPLES,
    SLOT,
)

SECOND = 1_000_000_000
FULL_PACKET = 1448  # bytes: larger payloads are super-packets
LONGEST = 100_000_000  # µs: a round trip that took longer is no answer but a pause
SIGNS = n.RETRANSMISSION | n.DUPLICATE_ACK | n.OUT_OF_ORDER
SACKS = headers.SACK1

row = types.from_dtype
HEADERS, NOTES, SLOTS = row(HEADER)[::1], row(n.NOTE)[::1], row(SLOT)[::1]
MEMBERS, PAIRS, RINGS, LOADS = row(MEMBER)[::1], row(PAIR)[::1], row(RING)[::1], row(LOAD)[:, ::1]
LOGS, U4, I4, I8 = row(ev.EVENT)[:, ::1], types.uint32[::1], types.int32[::1], types.int64[::1]


@kernel(inline=True, borrow=True)
def coarse(us: Any) -> Any:
    """A time in µs in one byte: eight steps a power of two, never 0."""
    value: Any = np.int64(us)
    exponent: Any = np.int64(0)
    while value >= 16:
        value >>= 1
        exponent += 1
    if exponent == 0 and value < 8:
        return max(value, np.int64(1))
    return min(exponent * 8 + value, np.int64(255))


@kernel(inline=True, borrow=True)
def fine(code: Any) -> Any:
    """The smallest time (µs) that `coarse` gives this code."""
    c = np.int64(code)
    if c < 16:
        return c
    return (np.int64(8) + c % 8) << (c // 8 - 1)


@kernel(borrow=True)
def join(
    h: Any, at: Any, from_responder: Any, high: Any, pair: Any, slots: Any, members: Any, pairs: Any, counters: Any
) -> Any:
    """Make a connection a member of a pair; the member's row, -1 if there is no room."""
    member = pools.take_member(members, counters)
    if member < 0:
        return member
    s, m, p = slots[at], members[member], pairs[pair]
    s.member = np.uint32(member + 1)
    m.slot, m.pair, m.ring[0], m.ring[1] = at, pair, 0, 0
    m.ordinal, m.last_event, m.judged_event, m.last_ts = p.connections, 0, 0, h.ts
    m.policed, m.pending, m.bloated, m.base[0], m.base[1] = 0, 0, 0, 0, 0
    m.bits = ORIGINATOR_HIGH if high != from_responder else 0
    m.low_port, m.high_port = (h.dport, h.sport) if high else (h.sport, h.dport)
    p.connections += 1
    p.members += 1
    return member


@kernel(borrow=True)
def learn_base(p: Any, m: Any, high: Any, us: Any, ts: Any, limits: Any) -> None:
    """Remember a round trip (µs) between the capture point and an end: 1 the higher address."""
    generation = ts // limits[PERIOD]
    if generation > p.generation:
        for step in range(min(generation - p.generation, np.int64(BASES))):
            p.base[0, (generation - step) % BASES] = 0
            p.base[1, (generation - step) % BASES] = 0
        p.generation = generation
    if us == 0 or generation <= p.generation - BASES:
        return
    if m.base[high] == 0 or us < m.base[high]:
        m.base[high] = np.uint32(us)
    least = p.base[high, generation % BASES]
    if least == 0 or us < least:
        p.base[high, generation % BASES] = np.uint32(us)


@kernel(inline=True, borrow=True)
def log(
    h: Any, events: Any, high: Any, m: Any, member: Any, p: Any, logs: Any, links: Any, limits: Any, counters: Any
) -> None:
    """Append a packet to its pair's log."""
    if h.ts - p.last_ts > limits[FORGET]:
        pools.clear_pair(p, links, counters)
    p.last_ts = max(p.last_ts, h.ts)
    if events & SIGNS or h.present & SACKS:
        p.loss_ts = max(p.loss_ts, h.ts)
    losing = p.loss_ts != 0 and h.ts - p.loss_ts <= limits[HORIZON]
    if losing:
        period = h.ts // limits[PERIOD]
        if period > p.period:
            for step in range(min(period - p.period, np.int64(AGAIN))):
                p.again[0, (period - step) % AGAIN] = 0
                p.again[1, (period - step) % AGAIN] = 0
            p.period = period
            p.in_period = 0
        if events & n.RETRANSMISSION and period > p.period - AGAIN:
            d = np.int64(1) if high else np.int64(0)
            count = np.int64(p.again[d, period % AGAIN]) + (np.int64(h.payload_length) + FULL_PACKET - 1) // FULL_PACKET
            p.again[d, period % AGAIN] = min(count, np.int64(65535))
        if p.in_period >= limits[QUOTA]:
            p.gap = 1
            p.skipped += 1
            counters[OVER_QUOTA] += 1
            return
        p.in_period += 1
    if p.used >= CHUNK:
        if losing:
            while p.chunks > 1 and logs[p.head, CHUNK - 1].ts < h.ts - limits[KEEP]:
                pools.drop_head(p, links, counters)
        else:
            while p.chunks > 1:
                pools.drop_head(p, links, counters)
        chunk = pools.take_chunk(links, counters, losing)
        if chunk < 0:
            p.gap = 1
            p.skipped += 1
            counters[FULL_LOG] += 1
            return
        if p.chunks == 0:
            p.head = np.int32(chunk)
        else:
            links[p.tail] = np.int32(chunk)
        p.tail = np.int32(chunk)
        p.chunks += 1
        p.used = 0
    p.number += 1
    m.last_event = p.number
    flags = ev.HIGH if high else 0
    if h.tcp_flags & headers.ACK:
        flags |= ev.ACKS
    if h.present & headers.SACK1:
        flags |= ev.SACK1
    if h.present & headers.SACK2:
        flags |= ev.SACK2
    if h.present & headers.DSACK:
        flags |= ev.DSACK
    if h.present & headers.TIMESTAMPS:
        flags |= ev.TIMESTAMPS
    if events & n.RETRANSMISSION:
        flags |= ev.REPEAT
    if p.gap:
        flags |= ev.GAP
    p.gap = 0
    e = logs[p.tail, p.used]
    e.ts, e.seq, e.ack = h.ts, h.seq, h.ack
    e.sack1_left, e.sack1_right, e.sack2_left, e.sack2_right = h.sack1_left, h.sack1_right, h.sack2_left, h.sack2_right
    e.tsval, e.tsecr = h.tsval, h.tsecr
    # only data counts: a SYN's sequence number is not a byte, and a keep-alive repeats one on purpose
    e.payload = h.payload_length if events & n.DATA and not h.tcp_flags & headers.SYN else np.uint32(0)
    e.connection, e.member, e.number, e.flags = m.ordinal, member, p.number, flags
    e.overhead = min(max(np.int64(h.ip_length) - np.int64(h.payload_length), np.int64(40)), np.int64(200))
    p.used += 1


@kernel(borrow=True)
def sample(b: Any, part: Any, us: Any) -> None:
    """Keep some of a bin's round-trip times, evenly spaced."""
    mask = (np.int64(1) << np.int64(b.shift[part])) - 1
    if b.count[part] & mask == 0 and b.kept[part] == SAMPLES:
        for k in range(SAMPLES // 2):
            b.samples[part, k] = b.samples[part, 2 * k]
        b.kept[part] = SAMPLES // 2
        b.shift[part] += 1
        mask = 2 * mask + 1
    if b.count[part] & mask == 0:
        b.samples[part, b.kept[part]] = np.uint32(us)
        b.kept[part] += 1
    b.count[part] += 1


@kernel(inline=True, borrow=True)
def weigh(
    h: Any, note: Any, is_data: Any, way: Any, p: Any, m: Any, r: Any, bins: Any, oldest: Any, ring: Any, limits: Any
) -> None:
    """Account a packet sent from end `way` to a load: its own direction's if it is data, else that which it answers."""
    second = h.ts // SECOND
    b = bins[second % BINS]
    if b.second < second:  # a second that comes late keeps what is there
        b.second, b.acked, b.packets = second, 0, 0
        for part in range(2):
            b.flight[part], b.flights[part], b.count[part], b.kept[part], b.shift[part] = 0, 0, 0, 0, 0
        r.newest = max(r.newest, second)
        oldest[ring] = min(oldest[ring], second)
    if not is_data:
        b.acked += note.acked
        if note.events & n.RTT_SAMPLE:
            sample(b, NEAR, note.rtt)
            learn_base(p, m, way, note.rtt, h.ts, limits)
        if h.present & headers.TIMESTAMPS and h.tsval != r.echo_last and r.echo_count < ECHOES:
            k = (r.echo_first + r.echo_count) % ECHOES
            r.echo_ts[k], r.echo_tsval[k], r.echo_ack[k] = h.ts, h.tsval, h.ack
            r.echo_count += 1
            r.echo_last = h.tsval
        return
    b.packets += 1
    b.flight[NEAR] += note.flight
    b.flights[NEAR] += 1
    if not h.present & headers.TIMESTAMPS:
        return
    while r.echo_count:
        k = r.echo_first % ECHOES
        if np.int32(h.tsecr - r.echo_tsval[k]) < 0:
            break
        r.echo_first += 1
        r.echo_count -= 1
        if h.tsecr == r.echo_tsval[k]:
            us: Any = max((h.ts - r.echo_ts[k]) // 1000, np.int64(1))
            flight = np.int32(h.seq + h.payload_length - r.echo_ack[k])
            if flight > 0 and us < LONGEST:
                sample(b, FAR, us)
                b.flight[FAR] += np.uint64(flight)
                b.flights[FAR] += 1
                learn_base(p, m, way, us, h.ts, limits)


@kernel(
    types.void(
        HEADERS, NOTES, types.int64, types.int64, SLOTS, MEMBERS, PAIRS, U4, LOGS, I4, RINGS, LOADS, I8, U4, I8, I8
    ),
    borrow=True,
)
def observe(
    rows: Any,
    notes: Any,
    start: Any,
    stop: Any,
    slots: Any,
    members: Any,
    pairs: Any,
    table: Any,
    logs: Any,
    links: Any,
    rings: Any,
    loads: Any,
    oldest: Any,
    sieve: Any,
    limits: Any,
    counters: Any,
) -> None:
    """Take up rows[start:stop]. `table`: pairs by hash; `logs`: EVENT[chunks, CHUNK], chained by `links`; `oldest`: the
    first second of each ring; `sieve`: see `pools.may_be_known`."""
    for i in range(start, stop):
        note = notes[i]
        at = np.int64(note.slot)
        if at < 0 or at >= len(slots):
            continue
        events = note.events
        s = slots[at]
        side = np.int64(1) if events & n.FROM_RESPONDER else np.int64(0)
        if events & n.NEW:
            if s.member:  # its connection was never asked for: nothing to keep for it
                m = members[np.int64(s.member) - 1]
                m.bits |= DEPARTED
                m.slot = -1
            s.member, s.sent[0], s.sent[1], s.rtt[0], s.rtt[1] = 0, 0, 0, 0, 0
        if events & n.COPIED:
            continue  # it is no loss, and no load
        bulk = False
        if events & n.DATA:
            if s.sent[side] < 255:
                s.sent[side] += 1
            bulk = s.sent[side] == limits[BULK]
        if events & n.RTT_SAMPLE and s.rtt[side] == 0:
            s.rtt[side] = np.uint8(coarse(note.rtt))
        if not s.member and not bulk and not (events & n.NEW and counters[PAIRS_USED]):
            continue  # nearly all packets of most captures: their header need not even be fetched
        h = rows[i]
        if h.protocol != TCP:
            continue
        high = side == 1
        if h.src_hi != h.dst_hi:
            high = h.src_hi > h.dst_hi
        elif h.src_lo != h.dst_lo:
            high = h.src_lo > h.dst_lo
        member: Any = np.int64(s.member) - 1
        if member < 0:
            if high:
                a, b, c, d = h.dst_hi, h.dst_lo, h.src_hi, h.src_lo
            else:
                a, b, c, d = h.src_hi, h.src_lo, h.dst_hi, h.dst_lo
            hashed = pools.hash_pair(a, b, c, d)
            if not bulk and not pools.may_be_known(sieve, hashed):
                continue
            pair, place = pools.find_pair(table, pairs, hashed, a, b, c, d)
            if pair < 0:
                if not bulk:
                    continue
                pair = pools.take_pair(table, place, sieve, hashed, pairs, links, counters)
                if pair < 0:
                    continue
                p = pairs[pair]
                p.low_hi, p.low_lo, p.high_hi, p.high_lo = a, b, c, d
                p.last_ts = h.ts
            member = join(h, at, side == 1, high, pair, slots, members, pairs, counters)
            if member < 0:
                continue
            # what the connection's first round trips were, though it was not watched then
            for k in range(2):
                if s.rtt[k]:
                    end = np.int64(1 if high == (k == side) else 0)
                    learn_base(pairs[pair], members[member], end, fine(s.rtt[k]), h.ts, limits)
        m = members[member]
        p = pairs[m.pair]
        m.last_ts = h.ts
        log(h, events, high, m, member, p, logs, links, limits, counters)
        way = np.int64(1) if high else np.int64(0)
        is_data = events & n.DATA != 0
        if bulk and not m.ring[way]:
            m.ring[way] = np.int32(pools.take_ring(rings, loads, oldest, counters, member, way))
        for d in range(2):
            ring = np.int64(m.ring[d]) - 1
            if ring >= 0 and (is_data or d != way):
                weigh(h, note, d == way, way, p, m, rings[ring], loads[ring], oldest, ring, limits)
