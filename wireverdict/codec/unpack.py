"""Tables and columns to rows: the decoder's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.codec.layout import COLUMNS, FLOW, KIND, QUESTION, QUOTE
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


@kernel(inline=True, borrow=True)
def set_flow(r: Any, f: Any, reverse: Any) -> None:
    """Addresses and ports."""
    if reverse:
        r.src_hi, r.src_lo, r.dst_hi, r.dst_lo = f.dst_hi, f.dst_lo, f.src_hi, f.src_lo
        r.sport, r.dport = f.dport, f.sport
    else:
        r.src_hi, r.src_lo, r.dst_hi, r.dst_lo = f.src_hi, f.src_lo, f.dst_hi, f.dst_lo
        r.sport, r.dport = f.sport, f.dport


@kernel(inline=True, borrow=True)
def set_kind(r: Any, k: Any, ip_length: Any) -> None:
    """What few packets differ in, and the lengths."""
    r.ip_length = ip_length
    r.payload_length = np.uint32(ip_length - k.overhead)
    r.frame_length = np.uint32(k.link + ip_length)
    r.present, r.tcp_flags, r.mss, r.dns_flags, r.vlan = k.present, k.tcp_flags, k.mss, k.dns_flags, k.vlan
    r.protocol, r.ttl, r.tos, r.direction = k.protocol, k.ttl, k.tos, k.direction
    r.wscale, r.icmp_type, r.icmp_code = k.wscale, k.icmp_type, k.icmp_code


@kernel(inline=True, borrow=True)
def set_question(r: Any, number: Any, questions: Any, ends: Any) -> None:
    """The question of that number, 0 for none."""
    if number == 0:
        r.dns_qhash, r.dns_qtype, r.name_offset, r.name_length = 0, 0, 0, 0
        return
    q = questions[number - 1]
    r.dns_qhash, r.dns_qtype = q.hash, q.type
    length = ends[number] - ends[number - 1]
    r.name_offset = np.uint32(ends[number - 1]) if length else np.uint32(0)
    r.name_length = length


@kernel(inline=True, borrow=True)
def set_quote(r: Any, number: Any, quotes: Any) -> None:
    """What an ICMP error quotes, 0 for nothing."""
    if number == 0:
        r.quoted_src_hi, r.quoted_src_lo, r.quoted_dst_hi, r.quoted_dst_lo = 0, 0, 0, 0
        r.quoted_sport, r.quoted_dport, r.quoted_protocol = 0, 0, 0
        return
    q = quotes[number - 1]
    r.quoted_src_hi, r.quoted_src_lo = q.quoted_src_hi, q.quoted_src_lo
    r.quoted_dst_hi, r.quoted_dst_lo = q.quoted_dst_hi, q.quoted_dst_lo
    r.quoted_sport, r.quoted_dport, r.quoted_protocol = q.quoted_sport, q.quoted_dport, q.quoted_protocol


def _table(dtype: Any) -> types.Array:
    return types.Array(types.from_dtype(dtype), 1, readonly=True)


@kernel(
    types.int64(
        types.int32[:, ::1],
        _table(FLOW),
        _table(KIND),
        _table(QUESTION),
        types.Array(types.int32, 1, readonly=True),
        _table(QUOTE),
        types.uint32[:, ::1],
        types.uint8[::1],
        types.uint32[::1],
        types.from_dtype(HEADER)[::1],
    ),
    borrow=True,
)
def unpack(
    matrix: Any,
    flows: Any,
    kinds: Any,
    questions: Any,
    ends: Any,
    quotes: Any,
    state: Any,
    seen: Any,
    lengths: Any,
    rows: Any,
) -> Any:
    """Fill `rows`, all but their times, from the matrix (layout.COLUMNS) and the tables; gives how many rows it could.

    Fewer than there are: that row points to an entry that there is not. `seen`: zeros, one a flow. `lengths`: zeros, one a
    kind, in version 2 of the layout; empty in version 1.
    """
    zero = np.uint32(0)
    later = len(lengths) > 0
    for i in range(len(rows)):
        flow, kind = np.int64(matrix[0, i]), np.int64(matrix[1, i])
        question, quote = np.int64(matrix[9, i]), np.int64(matrix[14, i])
        if flow < 0 or flow >= len(flows) or kind < 0 or kind >= len(kinds):
            return i
        if question < 0 or question > len(questions) or quote < 0 or quote > len(quotes):
            return i
        r, k = rows[i], kinds[kind]
        new = not seen[flow]
        if new:
            seen[flow] = 1
            if later:
                for field in range(FIELDS):
                    state[2 * flow, field] = zero
                    state[2 * flow + 1, field] = zero
            else:
                begin(state, flow, flows[flow])
        reverse = k.reverse != 0
        own = 2 * flow + np.int64(reverse)
        set_flow(r, flows[flow], reverse)
        length = np.uint32(matrix[2, i])
        if later:
            length = np.uint32(length + lengths[kind])
            lengths[kind] = length
        set_kind(r, k, length)
        present, flags = k.present, k.tcp_flags
        has_tcp, has_times = (present & TCP_HEADER) != 0, (present & TIMESTAMPS) != 0
        r.seq = np.uint32(matrix[3, i]) + (state[own, NEXT] if has_tcp else zero)
        r.ack = np.uint32(matrix[4, i]) + expected_ack(state, own, has_tcp and (flags & ACK_FLAG) != 0)
        r.tsval = np.uint32(matrix[5, i]) + (state[own, TSVAL] if has_times else zero)
        r.tsecr = np.uint32(matrix[6, i]) + expected_echo(state, own, has_times)
        r.window = np.uint16(np.uint32(matrix[7, i]) + (state[own, WINDOW] if has_tcp else zero))
        r.dns_id = np.uint16(np.uint32(matrix[8, i]) + state[own, DNS_ID])
        set_question(r, question, questions, ends)
        r.sack1_left = np.uint32(matrix[10, i]) + (r.ack if (present & SACK1) != 0 else zero)
        r.sack1_right = np.uint32(matrix[11, i]) + (r.sack1_left if (present & SACK1) != 0 else zero)
        r.sack2_left = np.uint32(matrix[12, i]) + (r.sack1_right if (present & SACK2) != 0 else zero)
        r.sack2_right = np.uint32(matrix[13, i]) + (r.sack2_left if (present & SACK2) != 0 else zero)
        set_quote(r, quote, quotes)
        if new and later:
            begin(state, flow, r)
        learn(state, own, present, flags, r)
    return len(rows)


@kernel(inline=True, borrow=True)
def spread(skips: Any, fields: Any, bys: Any, matrix: Any) -> Any:
    """Enter what is off in the matrix; False if an entry is outside of it."""
    row = np.int64(0)
    for k in range(len(skips)):
        row += np.int64(skips[k])
        if bys[k] == 0:
            continue
        field = np.int64(fields[k])
        if row >= matrix.shape[1] or field < 2 or field >= len(COLUMNS):
            return False
        matrix[field, row] = bys[k]
    return True


def _list(element: types.Element) -> types.Array:
    return types.Array(element, 1, readonly=True)


@kernel(
    types.boolean(
        *(_list(types.uint8), _list(types.uint8), _list(types.int16)),
        *(_list(types.uint8), _list(types.uint8), _list(types.int32), types.int32[:, ::1]),
    ),
    borrow=True,
)
def set_changes(skips: Any, fields: Any, bys: Any, far_skips: Any, far_fields: Any, far_bys: Any, matrix: Any) -> Any:
    """Make all of the matrix but its first two rows, from `changes` and `far`; False if one of them points outside."""
    matrix[2:] = 0
    if not spread(skips, fields, bys, matrix):
        return False
    return spread(far_skips, far_fields, far_bys, matrix)


@kernel(
    types.int64(
        types.from_dtype(HEADER)[::1],
        types.Array(types.int64, 1, readonly=True),
        types.Array(types.int64, 1, readonly=True),
        types.int64,
        types.int64,
        types.int64[::1],
    ),
    borrow=True,
)
def set_times(rows: Any, steps: Any, behind: Any, start: Any, unit: Any, clock: Any) -> Any:
    """Times (ns) from steps, and the clock from how far it was ahead."""
    now = start
    for i in range(len(rows)):
        now += steps[i] * unit
        rows[i].ts = now
        clock[i] = now + behind[i] * unit
    return now
