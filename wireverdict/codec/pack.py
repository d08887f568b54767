"""Rows to tables and columns: the encoder's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.codec.layout import FLOW, QUOTE
from wireverdict.codec.predict import (
    DNS_ID,
    FIELDS,
    NEXT,
    TSVAL,
    WINDOW,
    begin,
    expected_ack,
    expected_echo,
    learn,
)
from wireverdict.headers import ACK as ACK_FLAG
from wireverdict.headers import HEADER, SACK1, SACK2, TCP_HEADER, TIMESTAMPS
from wireverdict.kernels import kernel, types
from wireverdict.kernels.prefetch import prefetch

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
ROWS, FLOWS, KINDS, QUESTIONS, QUOTES, CHANGES, CHANGED, FARS, FAR_AT, START, NOW, FIRST, LAST, AHEAD = range(14)
"""Of `counts`: entries so far, with the packets of the last `changes` and `far`; ns: of the first packet, of the last one, the
least and the greatest time; the clock's leads, or'ed."""
SLOTS = 14
"""Of `counts`, and the two behind it: slots in use of the indexes of flows, kinds and questions; 0 before the first entry."""
COUNTS = 17
SMALL = 1 << 9
"""Slots of an index at first: most messages have few kinds, and a table that is all in use stays in the nearest cache."""
GROWTH = 4
"""Times as many slots follow when half of them are taken."""
MICROSECOND = 1_000
"""ns."""
EARLY = 8
"""Rows ahead that are asked for."""
MOST, MESSAGE, AT, WHY = range(4)
PROGRESS = 4
"""Of `progress`, see `pack`."""
ALL, FULL, CRAMPED, OUTSIDE, BEHIND = range(5)
"""Why `pack` stopped. OUTSIDE: a name lies outside `names`; BEHIND: a clock is behind its packet."""
_NUMBER = np.uint32((1 << 17) - 1)
_ONE, _TAG, _PLACE = np.uint64(1), np.uint64(49), np.uint32(17)


@kernel(inline=True, borrow=True)
def mix(h: Any, word: Any) -> Any:
    """Take one more word into a 64-bit hash."""
    h = (h ^ word) * MULTIPLIER
    return h ^ (h >> np.uint64(29))


@kernel(inline=True, borrow=True)
def entry_of(h: Any, number: Any) -> Any:
    """What an index holds of entry `number` with hash `h`: 15 bits of the hash, and the number counted from 1."""
    return np.uint32(h >> _TAG) << _PLACE | np.uint32(number + 1)


@kernel(borrow=True)
def grow(index: Any, prints: Any, count: Any, slots: Any) -> Any:
    """Have more slots than `slots` in use, 0 for none so far: as many as there are if it must be. All entries go to new places,
    by their hashes (`prints`). Gives how many slots there are."""
    for at in range(slots):
        index[at] = 0
    slots = np.int64(min(max(slots * GROWTH, SMALL), len(index)))
    mask = np.uint64(slots - 1)
    for number in range(count):
        place = prints[number] & mask
        while index[place]:
            place = (place + _ONE) & mask
        index[place] = entry_of(prints[number], number)
    return slots


@kernel(inline=True, borrow=True)
def words_of(r: Any, reverse: Any) -> Any:
    """A row's KIND as four words."""
    overhead, link = np.uint32(r.ip_length - r.payload_length), np.uint32(r.frame_length - r.ip_length)
    one = np.uint64(r.present) | np.uint64(overhead) << np.uint64(32)
    two = np.uint64(link) | np.uint64(r.tcp_flags) << np.uint64(32) | np.uint64(r.mss) << np.uint64(48)
    three = np.uint64(r.dns_flags) | np.uint64(r.vlan) << np.uint64(16) | np.uint64(r.protocol) << np.uint64(32)
    three |= np.uint64(r.ttl) << np.uint64(40) | np.uint64(r.tos) << np.uint64(48)
    three |= np.uint64(r.direction) << np.uint64(56)
    four = np.uint64(r.wscale) | np.uint64(r.icmp_type) << np.uint64(8) | np.uint64(r.icmp_code) << np.uint64(16)
    return one, two, three, four | np.uint64(reverse) << np.uint64(24)


@kernel(inline=True, borrow=True)
def kind_of(r: Any, reverse: Any, kinds: Any, prints: Any, index: Any, slots: Any, count: Any) -> Any:
    """The number of a row's kind, entered if it is new; equal to `count` then. `slots`: of `index` in use."""
    one, two, three, four = words_of(r, reverse)
    mask = np.uint64(slots - 1)
    h = mix(mix(mix(mix(np.uint64(0), one), two), three), four)
    place, tag = h & mask, np.uint32(h >> _TAG)
    while True:
        entry = index[place]
        if entry == 0:
            index[place] = entry_of(h, count)
            prints[count] = h
            kinds[count, 0], kinds[count, 1], kinds[count, 2], kinds[count, 3] = one, two, three, four
            return count
        if entry >> _PLACE == tag:
            found = np.int64(entry & _NUMBER) - 1
            off = kinds[found, 0] ^ one | kinds[found, 1] ^ two | kinds[found, 2] ^ three | kinds[found, 3] ^ four
            if off == 0:
                return found
        place = (place + _ONE) & mask


@kernel(inline=True, borrow=True)
def flow_of(r: Any, flows: Any, prints: Any, index: Any, slots: Any, count: Any) -> Any:
    """The number of a row's flow, entered if it is new (equal to `count` then), and whether it goes the other way."""
    ports = np.uint64(r.sport) << np.uint64(16) ^ np.uint64(r.dport) << np.uint64(16)
    h = mix(mix(mix(np.uint64(0), r.src_hi ^ r.dst_hi), r.src_lo + r.dst_lo), ports)
    mask = np.uint64(slots - 1)
    place, tag = h & mask, np.uint32(h >> _TAG)
    while True:
        entry = index[place]
        if entry == 0:
            index[place] = entry_of(h, count)
            prints[count] = h
            f = flows[count]
            f.src_hi, f.src_lo, f.dst_hi, f.dst_lo = r.src_hi, r.src_lo, r.dst_hi, r.dst_lo
            f.sport, f.dport = r.sport, r.dport
            return count, False
        if entry >> _PLACE == tag:
            found = np.int64(entry & _NUMBER) - 1
            f = flows[found]
            there = f.src_lo == r.src_lo and f.dst_lo == r.dst_lo and f.sport == r.sport and f.dport == r.dport
            if there and f.src_hi == r.src_hi and f.dst_hi == r.dst_hi:
                return found, False
            back = f.src_lo == r.dst_lo and f.dst_lo == r.src_lo and f.sport == r.dport and f.dport == r.sport
            if back and f.src_hi == r.dst_hi and f.dst_hi == r.src_hi:
                return found, True
        place = (place + _ONE) & mask


@kernel(inline=True, borrow=True)
def question_of(
    r: Any, names: Any, hashes: Any, asked: Any, ends: Any, held: Any, prints: Any, index: Any, slots: Any, count: Any
) -> Any:
    """The number of the question that a row has, counted from 1 and entered if it is new. `held`: names of the questions so
    far, `ends[i]` to `ends[i + 1]` that of question i. -1: its name lies outside `names`; -2: `held` has no room."""
    length, start = np.int64(r.name_length), np.int64(r.name_offset)
    if length and start + length > names.size:
        return np.int64(-1)
    mask = np.uint64(slots - 1)
    h = mix(mix(np.uint64(0), r.dns_qhash), np.uint64(r.dns_qtype) << np.uint64(16) | np.uint64(length))
    place, tag = h & mask, np.uint32(h >> _TAG)
    while True:
        entry = index[place]
        if entry == 0:
            at = np.int64(ends[count])
            if at + length > held.size:
                return np.int64(-2)
            index[place] = entry_of(h, count)
            prints[count] = h
            hashes[count], asked[count] = r.dns_qhash, r.dns_qtype
            for k in range(length):
                held[at + k] = names[start + k]
            ends[count + 1] = at + length
            return count + 1
        if entry >> _PLACE == tag:
            found = np.int64(entry & _NUMBER) - 1
            at = np.int64(ends[found])
            same = hashes[found] == r.dns_qhash and asked[found] == r.dns_qtype
            if same and np.int64(ends[found + 1]) - at == length:
                off = np.uint8(0)
                for k in range(length):
                    off |= names[start + k] ^ held[at + k]
                if off == 0:
                    return found + 1
        place = (place + _ONE) & mask


@kernel(inline=True, borrow=True)
def quote_of(r: Any, quotes: Any, count: Any) -> Any:
    """Enter what an ICMP error quotes; False if it quotes nothing."""
    addresses = r.quoted_src_hi | r.quoted_src_lo | r.quoted_dst_hi | r.quoted_dst_lo
    if addresses == 0 and r.quoted_sport == 0 and r.quoted_dport == 0 and r.quoted_protocol == 0:
        return False
    q = quotes[count]
    q.quoted_src_hi, q.quoted_src_lo = r.quoted_src_hi, r.quoted_src_lo
    q.quoted_dst_hi, q.quoted_dst_lo = r.quoted_dst_hi, r.quoted_dst_lo
    q.quoted_sport, q.quoted_dport, q.quoted_protocol = r.quoted_sport, r.quoted_dport, r.quoted_protocol
    return True


@kernel(inline=True, borrow=True)
def enter(skips: Any, fields: Any, bys: Any, at: Any, before: Any, row: Any, field: Any, by: Any) -> Any:
    """Write an entry behind `at` others, the last of which is of packet `before`; gives how many there are then."""
    while row - before > 255:
        skips[at], fields[at], bys[at] = 255, 0, 0
        before += 255
        at += 1
    skips[at], fields[at], bys[at] = row - before, field, by
    return at + 1


@kernel(inline=True, borrow=True)
def note(changes: Any, far: Any, counts: Any, row: Any, field: Any, by: Any) -> None:
    """Enter what a field of a packet is off by. `changes`, `far`: (skips, fields, bys)."""
    if by == 0:
        return
    if by == np.int16(by):
        counts[CHANGES] = enter(changes[0], changes[1], changes[2], counts[CHANGES], counts[CHANGED], row, field, by)
        counts[CHANGED] = row
    else:
        counts[FARS] = enter(far[0], far[1], far[2], counts[FARS], counts[FAR_AT], row, field, by)
        counts[FAR_AT] = row


@kernel(inline=True, borrow=True)
def pack_one(
    rows: Any, names: Any, order: Any, end: Any, clocks: Any, k: Any, most: Any,
    counts: Any, steps: Any, leads: Any, flow_at: Any, kind_at: Any, changes: Any, far: Any,
    flows: Any, kinds: Any, lengths: Any, hashes: Any, asked: Any, ends: Any, held: Any, quotes: Any,
    state: Any, indexes: Any, prints: Any,
) -> Any:  # fmt: skip
    """`pack` for one message: the place in `order` behind the last row that was taken, and why."""
    zero = np.uint32(0)
    while k < end:
        if k + EARLY < end:
            soon = order[k + EARLY]
            prefetch(rows, soon, 0)
            prefetch(rows, soon, 64)
            prefetch(rows, soon, 128)
        r = rows[order[k]]
        i = counts[ROWS]
        question = np.int64(0)
        if r.dns_qhash or r.dns_qtype or r.name_length:
            if 2 * counts[QUESTIONS] >= counts[SLOTS + 2]:
                counts[SLOTS + 2] = grow(indexes[2], prints[2], counts[QUESTIONS], counts[SLOTS + 2])
            question = question_of(
                r, names, hashes, asked, ends, held, prints[2], indexes[2], counts[SLOTS + 2], counts[QUESTIONS]
            )
            if question < 0:
                return k, OUTSIDE if question == -1 else CRAMPED
        lead = clocks[order[k]] - r.ts
        if lead < 0:
            return k, BEHIND
        counts[QUESTIONS] = max(counts[QUESTIONS], question)
        if i == 0:
            counts[START] = counts[NOW] = counts[FIRST] = counts[LAST] = r.ts
        steps[i], leads[i] = r.ts - counts[NOW], lead
        counts[NOW], counts[FIRST], counts[LAST] = r.ts, min(counts[FIRST], r.ts), max(counts[LAST], r.ts)
        counts[AHEAD] |= lead
        if 2 * counts[FLOWS] >= counts[SLOTS]:
            counts[SLOTS] = grow(indexes[0], prints[0], counts[FLOWS], counts[SLOTS])
        flow, reverse = flow_of(r, flows, prints[0], indexes[0], counts[SLOTS], counts[FLOWS])
        new = flow == counts[FLOWS]
        own = 2 * flow + np.int64(reverse)
        if new:
            counts[FLOWS] = flow + 1
            for field in range(FIELDS):
                state[own, field] = zero
                state[own ^ 1, field] = zero
        if 2 * counts[KINDS] >= counts[SLOTS + 1]:
            counts[SLOTS + 1] = grow(indexes[1], prints[1], counts[KINDS], counts[SLOTS + 1])
        kind = kind_of(r, reverse, kinds, prints[1], indexes[1], counts[SLOTS + 1], counts[KINDS])
        if kind == counts[KINDS]:
            counts[KINDS] = kind + 1
            lengths[kind] = zero
        flow_at[i], kind_at[i] = flow, kind
        present, flags = r.present, r.tcp_flags
        note(changes, far, counts, i, 2, np.int32(r.ip_length - lengths[kind]))
        lengths[kind] = r.ip_length
        if present & TCP_HEADER or r.seq | r.ack | np.uint32(r.window):
            has_tcp = (present & TCP_HEADER) != 0
            note(changes, far, counts, i, 3, np.int32(r.seq - (state[own, NEXT] if has_tcp else zero)))
            expected = expected_ack(state, own, has_tcp and (flags & ACK_FLAG) != 0)
            note(changes, far, counts, i, 4, np.int32(r.ack - expected))
            window = np.uint32(r.window) - (state[own, WINDOW] if has_tcp else zero)
            note(changes, far, counts, i, 7, np.int32(np.int16(window)))
        if present & TIMESTAMPS or r.tsval | r.tsecr:
            has_times = (present & TIMESTAMPS) != 0
            note(changes, far, counts, i, 5, np.int32(r.tsval - (state[own, TSVAL] if has_times else zero)))
            note(changes, far, counts, i, 6, np.int32(r.tsecr - expected_echo(state, own, has_times)))
        note(changes, far, counts, i, 8, np.int32(np.int16(np.uint32(r.dns_id) - state[own, DNS_ID])))
        note(changes, far, counts, i, 9, np.int32(question))
        one, two = (present & SACK1) != 0, (present & SACK2) != 0
        if one or two or r.sack1_left | r.sack1_right | r.sack2_left | r.sack2_right:
            note(changes, far, counts, i, 10, np.int32(r.sack1_left - (r.ack if one else zero)))
            note(changes, far, counts, i, 11, np.int32(r.sack1_right - (r.sack1_left if one else zero)))
            note(changes, far, counts, i, 12, np.int32(r.sack2_left - (r.sack1_right if two else zero)))
            note(changes, far, counts, i, 13, np.int32(r.sack2_right - (r.sack2_left if two else zero)))
        if quote_of(r, quotes, counts[QUOTES]):
            counts[QUOTES] += 1
            note(changes, far, counts, i, 14, np.int32(counts[QUOTES]))
        if new:
            begin(state, flow, r)
        learn(state, own, present, flags, r)
        counts[ROWS] = i + 1
        k += 1
        if i + 1 == most:
            return k, FULL
    return k, ALL


_I64, _NAMES = types.int64[::1], types.Array(types.uint8, 1, "C", readonly=True)
_I64S, _I32S, _U8S = types.int64[:, ::1], types.int32[:, ::1], types.uint8[:, ::1]


@kernel(
    types.void(
        *(types.from_dtype(HEADER)[::1], _NAMES, _I64, _I64, _I64, _I64),
        *(_I64S, _I64S, _I64S, _I32S, _I32S),
        *(_U8S, _U8S, types.int16[:, ::1], _U8S, _U8S, _I32S),
        *(types.from_dtype(FLOW)[:, ::1], types.uint64[:, :, ::1], types.uint32[:, ::1]),
        *(types.uint64[:, ::1], types.uint16[:, ::1], _I32S, _U8S, types.from_dtype(QUOTE)[:, ::1]),
        *(types.uint32[:, :, ::1], types.uint32[:, :, ::1], types.uint64[:, :, ::1]),
    ),
    borrow=True,
)
def pack(
    rows: Any, names: Any, order: Any, ends: Any, clocks: Any, progress: Any,
    all_counts: Any, all_steps: Any, all_leads: Any, all_flow_at: Any, all_kind_at: Any,
    all_skips: Any, all_fields: Any, all_bys: Any, all_far_skips: Any, all_far_fields: Any, all_far_bys: Any,
    all_flows: Any, all_kinds: Any, all_lengths: Any,
    all_hashes: Any, all_asked: Any, all_ends: Any, all_held: Any, all_quotes: Any,
    all_state: Any, all_indexes: Any, all_prints: Any,
) -> None:  # fmt: skip
    """Take up rows into several messages, behind those that each has. `order`: places of the rows of message 0, then of
    message 1 and so on; those of m end in it at ``ends[m]``. `clocks`: one for each of `rows`. The first axis of what follows
    are the messages.

    Goes on in message ``progress[MESSAGE]`` at place ``progress[AT]`` of `order`, and leaves there where it stopped, with
    the reason in ``progress[WHY]``: ALL; FULL, the message has ``progress[MOST]`` rows; CRAMPED, its `held` has no room for the
    next row's name; and OUTSIDE and BEHIND, after which nothing can be used. There has to be room for MOST rows, and for 14
    times that in entries. `indexes`: zeros at the beginning, a power of two of at least twice the rows each, and `prints`:
    hashes of what they point to. `lengths`: of each kind, `ip_length` of its last packet.
    """
    m, k, why = progress[MESSAGE], progress[AT], ALL
    while m < len(ends):
        k, why = pack_one(
            rows, names, order, ends[m], clocks, k, progress[MOST],
            all_counts[m], all_steps[m], all_leads[m], all_flow_at[m], all_kind_at[m],
            (all_skips[m], all_fields[m], all_bys[m]), (all_far_skips[m], all_far_fields[m], all_far_bys[m]),
            all_flows[m], all_kinds[m], all_lengths[m],
            all_hashes[m], all_asked[m], all_ends[m], all_held[m], all_quotes[m],
            all_state[m], all_indexes[m], all_prints[m],
        )  # fmt: skip
        if why != ALL:
            break
        m += 1
    progress[MESSAGE], progress[AT], progress[WHY] = m, k, why


@kernel(types.UniTuple(types.int64, 5)(_I64, _I64), borrow=True)
def settle(steps: Any, leads: Any) -> Any:
    """Count both in MICROSECOND instead of ns if all are whole ones; the unit (ns) that they are in then, the least and the
    greatest step, and those of `leads`."""
    whole = True
    for i in range(len(steps)):
        if steps[i] % MICROSECOND != 0 or leads[i] % MICROSECOND != 0:
            whole = False
            break
    low, high, least, most = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(len(steps)):
        if whole:
            steps[i] //= MICROSECOND
            leads[i] //= MICROSECOND
        low, high = min(low, steps[i]), max(high, steps[i])
        least, most = min(least, leads[i]), max(most, leads[i])
    return MICROSECOND if whole else 1, low, high, least, most
