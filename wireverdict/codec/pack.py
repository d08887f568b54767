"""Rows to tables and columns: the encoder's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.codec.layout import FLOW, QUOTE
from wireverdict.codec.predict import (
    DNS_ID,
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

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@kernel(inline=True, borrow=True)
def mix(h: Any, word: Any) -> Any:
    """Take one more word into a 64-bit hash."""
    h = (h ^ word) * MULTIPLIER
    return h ^ (h >> np.uint64(29))


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
def kind_of(r: Any, reverse: Any, kinds: Any, index: Any, count: Any) -> Any:
    """The number of a row's kind, entered if it is new; equal to `count` then."""
    one, two, three, four = words_of(r, reverse)
    mask = np.uint64(len(index) - 1)
    place = mix(mix(mix(mix(np.uint64(0), one), two), three), four) & mask
    while True:
        found = np.int64(index[place]) - 1
        if found < 0:
            index[place] = count + 1
            kinds[count, 0], kinds[count, 1], kinds[count, 2], kinds[count, 3] = one, two, three, four
            return count
        if kinds[found, 0] == one and kinds[found, 1] == two and kinds[found, 2] == three and kinds[found, 3] == four:
            return found
        place = (place + np.uint64(1)) & mask


@kernel(inline=True, borrow=True)
def flow_of(r: Any, flows: Any, index: Any, count: Any) -> Any:
    """The number of a row's flow, entered if it is new (equal to `count` then), and whether it goes the other way."""
    ports = np.uint64(r.sport) << np.uint64(16) ^ np.uint64(r.dport) << np.uint64(16)
    h = mix(mix(np.uint64(0), r.src_hi ^ r.dst_hi), r.src_lo + r.dst_lo)
    mask = np.uint64(len(index) - 1)
    place = mix(h, ports) & mask
    while True:
        found = np.int64(index[place]) - 1
        if found < 0:
            index[place] = count + 1
            f = flows[count]
            f.src_hi, f.src_lo, f.dst_hi, f.dst_lo = r.src_hi, r.src_lo, r.dst_hi, r.dst_lo
            f.seq, f.ack, f.tsval, f.tsecr = r.seq, r.ack, r.tsval, r.tsecr
            f.sport, f.dport, f.window, f.dns_id = r.sport, r.dport, r.window, r.dns_id
            return count, False
        f = flows[found]
        there = f.src_lo == r.src_lo and f.dst_lo == r.dst_lo and f.sport == r.sport and f.dport == r.dport
        if there and f.src_hi == r.src_hi and f.dst_hi == r.dst_hi:
            return found, False
        back = f.src_lo == r.dst_lo and f.dst_lo == r.src_lo and f.sport == r.dport and f.dport == r.sport
        if back and f.src_hi == r.dst_hi and f.dst_hi == r.src_hi:
            return found, True
        place = (place + np.uint64(1)) & mask


@kernel(inline=True, borrow=True)
def question_of(r: Any, names: Any, rows: Any, asked: Any, index: Any, count: Any) -> Any:
    """The number of a row's question, counted from 1 and entered if it is new; 0 if it has none. -1: the row's name lies
    outside `names`. `asked`: of each question, the row that had it first."""
    length, start = np.int64(r.name_length), np.int64(r.name_offset)
    if length == 0 and r.dns_qhash == 0 and r.dns_qtype == 0:
        return np.int64(0)
    if length and start + length > names.size:
        return np.int64(-1)
    mask = np.uint64(len(index) - 1)
    place = mix(mix(np.uint64(0), r.dns_qhash), np.uint64(r.dns_qtype) << np.uint64(16) | np.uint64(length)) & mask
    while True:
        found = np.int64(index[place])
        if found == 0:
            index[place] = count + 1
            return count + 1
        q = rows[asked[found - 1]]
        if q.dns_qhash == r.dns_qhash and q.dns_qtype == r.dns_qtype and np.int64(q.name_length) == length:
            other, same = np.int64(q.name_offset), True
            for at in range(length):
                same = same and names[start + at] == names[other + at]
            if same:
                return found
        place = (place + np.uint64(1)) & mask


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


_COUNTS = types.UniTuple(types.int64, 4)
_MATRIX = types.int32[:, ::1]
_INDEX = types.int32[::1]
_NAMES = types.Array(types.uint8, 1, "C", readonly=True)


@kernel(
    _COUNTS(
        types.from_dtype(HEADER)[::1],
        _NAMES,
        _MATRIX,
        types.from_dtype(FLOW)[::1],
        types.uint64[:, ::1],
        _INDEX,
        types.from_dtype(QUOTE)[::1],
        types.uint32[:, ::1],
        types.int32[:, ::1],
    ),
    borrow=True,
)
def pack(
    rows: Any, names: Any, matrix: Any, flows: Any, kinds: Any, asked: Any, quotes: Any, state: Any, indexes: Any
) -> Any:
    """Fill the matrix (layout.COLUMNS) and the tables; gives how many flows, kinds, questions and quotes there are.

    -1 questions: a name lies outside `names`. Tables have room for an entry a row; `indexes`, zeros, shape (3, a power of
    two of at least twice the rows).
    """
    flow_count, kind_count, question_count, quote_count = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    zero = np.uint32(0)
    for i in range(len(rows)):
        r = rows[i]
        flow, reverse = flow_of(r, flows, indexes[0], flow_count)
        if flow == flow_count:
            begin(state, flow, flows[flow])
            flow_count += 1
        kind = kind_of(r, reverse, kinds, indexes[1], kind_count)
        if kind == kind_count:
            kind_count += 1
        own = 2 * flow + np.int64(reverse)
        present, flags = r.present, r.tcp_flags
        has_tcp, has_times = (present & TCP_HEADER) != 0, (present & TIMESTAMPS) != 0
        matrix[0, i] = flow
        matrix[1, i] = kind
        matrix[2, i] = np.int32(r.ip_length)
        matrix[3, i] = np.int32(r.seq - (state[own, NEXT] if has_tcp else zero))
        matrix[4, i] = np.int32(r.ack - expected_ack(state, own, has_tcp and (flags & ACK_FLAG) != 0))
        matrix[5, i] = np.int32(r.tsval - (state[own, TSVAL] if has_times else zero))
        matrix[6, i] = np.int32(r.tsecr - expected_echo(state, own, has_times))
        matrix[7, i] = np.int32(np.uint32(r.window) - (state[own, WINDOW] if has_tcp else zero))
        matrix[8, i] = np.int32(np.uint32(r.dns_id) - state[own, DNS_ID])
        question = question_of(r, names, rows, asked, indexes[2], question_count)
        if question < 0:
            return flow_count, kind_count, question, quote_count
        if question > question_count:
            asked[question_count] = i
            question_count += 1
        matrix[9, i] = question
        one, two = (present & SACK1) != 0, (present & SACK2) != 0
        matrix[10, i] = np.int32(r.sack1_left - (r.ack if one else zero))
        matrix[11, i] = np.int32(r.sack1_right - (r.sack1_left if one else zero))
        matrix[12, i] = np.int32(r.sack2_left - (r.sack1_right if two else zero))
        matrix[13, i] = np.int32(r.sack2_right - (r.sack2_left if two else zero))
        matrix[14, i] = 0
        if quote_of(r, quotes, quote_count):
            quote_count += 1
            matrix[14, i] = quote_count
        learn(state, own, present, flags, r)
    return flow_count, kind_count, question_count, quote_count


@kernel(types.int64(types.from_dtype(HEADER)[::1], _NAMES, _INDEX, _INDEX, types.uint8[::1]), borrow=True)
def gather_names(rows: Any, names: Any, asked: Any, ends: Any, out: Any) -> Any:
    """The names of the rows `asked`, one after the other; `ends[i + 1]` is where name i ends. Gives the last end."""
    at = np.int64(0)
    ends[0] = 0
    for i in range(asked.size):
        r = rows[asked[i]]
        start = np.int64(r.name_offset)
        for k in range(np.int64(r.name_length)):
            out[at + k] = names[start + k]
        at += np.int64(r.name_length)
        ends[i + 1] = at
    return at
