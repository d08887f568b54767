"""DNS transactions: which query got an answer, when, and to which window that belongs.

Every query packet is one attempt, retries included: retries multiply in an outage, and names would hide that. An answer
goes to the oldest attempt of the same key (client, server, ports, protocol, id, name, type) that it reaches within the
time-out, else to the oldest that still waits. What is booked goes to the window of the attempt, never to that of the
answer.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.headers import HEADER
from wireverdict.kernels import kernel
from wireverdict.windows import state
from wireverdict.windows.fields import DNS_COUNTS, DNS_KEY, LATENCY_BUCKETS, Dns
from wireverdict.windows.tables import mix

# `d`: scalars of this module, int64
(
    PAIRS,  # rows per window
    PAIR_INDEX,  # index cells per window
    NAMES,
    NAME_INDEX,
    TIMEOUT,  # ns
    LATE_LIMIT,  # ns
    CELLS,  # index cells of waiting keys
    KEY_FREE,
    KEY_USED,
    ATTEMPT_FREE,
    ATTEMPT_USED,
    T_ATTEMPTS,  # totals over the run
    T_ANSWERED,
    T_LATE,
    T_ORPHANS,
    T_UNTRACKED,
) = range(16)
D_SIZE = 16

WAITING = np.dtype(
    [
        ("client_hi", "<u8"),
        ("client_lo", "<u8"),
        ("server_hi", "<u8"),
        ("server_lo", "<u8"),
        ("qhash", "<u8"),
        ("hash", "<u8"),
        ("head", "<i4"),  # attempts, oldest first; 0: row not in use
        ("tail", "<i4"),
        ("live", "<i4"),  # oldest attempt not known to have timed out; 0: none
        ("before", "<i4"),  # the attempt before it; 0: none
        ("next", "<i4"),  # free list
        ("port", "<u2"),  # the client's
        ("id", "<u2"),
        ("qtype", "<u2"),
        ("protocol", "u1"),
        ("pad", "u1"),
    ],
    align=True,
)
"""Attempts with one key."""

ATTEMPT = np.dtype(
    [
        ("ts", "<i8"),
        ("window", "<i8"),
        ("row", "<i4"),  # of the client + resolver in its window
        ("name", "<i4"),  # row of the name in its window; 0 not kept
        ("next", "<i4"),
        ("flags", "<i4"),
    ],
    align=True,
)
FIRST, IN_USE = 1, 2  # ATTEMPT.flags: first packet of its flow; the row holds an attempt that waits

NAME = np.dtype(
    [("qhash", "<u8"), ("qtype", "<u2"), ("length", "<u2"), ("place", "<i4"), ("text", "u1", (256,))], align=True
)

RECENT = 65_536
"""Cells that find the last key of (client, server, port, id) for answers that repeat no question."""

_TCP = headers.TCP
_R = state.R_SIZE
_S32 = np.uint64(32)
_LOW32 = 0xFFFFFFFF
(
    _ATTEMPTS,
    _ANSWERED,
    _LATE,
    _PENDING,
    _UNTRACKED,
    _ORPHANS,
    _NOERROR,
    _NXDOMAIN,
    _SERVFAIL,
    _REFUSED,
    _OTHER_RCODE,
    _NEW_ATTEMPTS,
    _NEW_ANSWERED,
    _TCP_ATTEMPTS,
    _TCP_ANSWERED,
    _TRUNCATED,
    _UNREACHABLE,
) = (int(column) for column in Dns)


def _array(dtype: Any) -> Any:
    return types.Array(numba.from_dtype(dtype), 1, "C")


HEADERS, NOTES, PAIR_ROWS, WAITERS = _array(HEADER), _array(n.NOTE), _array(DNS_KEY), _array(WAITING)
ATTEMPT_ROWS, NAME_ROWS = _array(ATTEMPT), _array(NAME)
I64, I32, U8 = types.int64[::1], types.int32[::1], types.uint8[::1]


@kernel(borrow=True)
def bucket(value: Any) -> Any:
    """As fields.bucket_of."""
    if value < 8:
        return max(value, np.int64(0))
    shift = np.int64(0)
    while (value >> shift) >= 16:
        shift += 1
    return min((shift << 3) + (value >> shift), np.int64(LATENCY_BUCKETS - 1))


@kernel(borrow=True)
def pair_row(
    d: Any, ring: Any, pairs: Any, index: Any, place: Any, r: Any, c_hi: Any, c_lo: Any, s_hi: Any, s_lo: Any
) -> Any:
    """The row of client + resolver in ring place `r`; 0 (`other`) when there is no room."""
    h = mix(mix(mix(mix(np.uint64(53), c_hi), c_lo), s_hi), s_lo)
    mask = d[PAIR_INDEX] - 1
    cell = np.int64(h >> _S32) & mask
    first, rows = r * d[PAIR_INDEX], r * d[PAIRS]
    while True:
        row = np.int64(index[first + cell])
        if row == 0:
            break
        k = pairs[rows + row]
        if k["client_lo"] == c_lo and k["server_lo"] == s_lo and k["client_hi"] == c_hi and k["server_hi"] == s_hi:
            return row
        cell = (cell + 1) & mask
    row = ring[r * _R + state.DNS_USED]
    if row >= d[PAIRS]:
        return np.int64(0)
    ring[r * _R + state.DNS_USED] = row + 1
    index[first + cell] = row
    place[rows + row] = cell
    k = pairs[rows + row]
    k["client_hi"] = c_hi
    k["client_lo"] = c_lo
    k["server_hi"] = s_hi
    k["server_lo"] = s_lo
    return row


@kernel(borrow=True)
def name_row(
    d: Any, ring: Any, kept: Any, index: Any, r: Any, qhash: Any, qtype: Any, names: Any, offset: Any, length: Any
) -> Any:
    """The row of a question's name in ring place `r`; 0 when there is no room."""
    h = mix(mix(np.uint64(qtype), qhash), np.uint64(length))
    mask = d[NAME_INDEX] - 1
    cell = np.int64(h >> _S32) & mask
    first, rows = r * d[NAME_INDEX], r * d[NAMES]
    while True:
        row = np.int64(index[first + cell])
        if row == 0:
            break
        k = kept[rows + row]
        if k["qhash"] == qhash and k["qtype"] == qtype:
            return row
        cell = (cell + 1) & mask
    row = ring[r * _R + state.NAMES_USED]
    if row >= d[NAMES]:
        return np.int64(0)
    ring[r * _R + state.NAMES_USED] = row + 1
    index[first + cell] = row
    k = kept[rows + row]
    k["qhash"] = qhash
    k["qtype"] = qtype
    k["place"] = cell
    size = min(length, np.int64(256), len(names) - offset)
    k["length"] = max(size, np.int64(0))
    text = k["text"]
    for i in range(size):
        text[i] = names[offset + i]
    return row


@kernel(borrow=True)
def tuple_hash(c_hi: Any, c_lo: Any, s_hi: Any, s_lo: Any, port: Any, protocol: Any, ident: Any) -> Any:
    """A hash of all of a key but the question."""
    h = mix(mix(mix(mix(np.uint64(port) << np.uint64(16) | np.uint64(ident), c_hi), c_lo), s_hi), s_lo)
    return mix(h, np.uint64(protocol))


@kernel(borrow=True)
def same_tuple(k: Any, c_hi: Any, c_lo: Any, s_hi: Any, s_lo: Any, port: Any, protocol: Any, ident: Any) -> Any:
    """Whether a waiting key is the same but for the question."""
    return (
        k["client_lo"] == c_lo
        and k["server_lo"] == s_lo
        and k["port"] == port
        and k["id"] == ident
        and k["client_hi"] == c_hi
        and k["server_hi"] == s_hi
        and k["protocol"] == protocol
    )


@kernel(borrow=True)
def find(
    d: Any,
    waiting: Any,
    cells: Any,
    h: Any,
    c_hi: Any,
    c_lo: Any,
    s_hi: Any,
    s_lo: Any,
    port: Any,
    protocol: Any,
    ident: Any,
    qhash: Any,
    qtype: Any,
) -> Any:
    """The cell of a waiting key, or ``~cell`` of the empty cell where it would be."""
    mask = d[CELLS] - 1
    cell = np.int64(h >> _S32) & mask
    while True:
        which = np.int64(cells[cell])
        if which == 0:
            return ~cell
        k = waiting[which]
        if (
            k["hash"] == h
            and k["qhash"] == qhash
            and k["qtype"] == qtype
            and same_tuple(k, c_hi, c_lo, s_hi, s_lo, port, protocol, ident)
        ):
            return cell
        cell = (cell + 1) & mask


@kernel(borrow=True)
def remove(d: Any, waiting: Any, cells: Any, cell: Any) -> None:
    """Take a key without attempts out: the keys behind it in its run move up (Knuth 6.4, algorithm R)."""
    mask = d[CELLS] - 1
    which = np.int64(cells[cell])
    waiting[which]["head"] = 0
    waiting[which]["next"] = d[KEY_FREE]
    d[KEY_FREE] = which
    hole = cell
    probe = (cell + 1) & mask
    while cells[probe] != 0:
        home = np.int64(waiting[cells[probe]]["hash"] >> _S32) & mask
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            cells[hole] = cells[probe]
            hole = probe
        probe = (probe + 1) & mask
    cells[hole] = 0


@kernel(borrow=True)
def free_attempt(d: Any, attempts: Any, which: Any) -> None:
    """Give an attempt's row back."""
    attempts[which]["flags"] = 0
    attempts[which]["next"] = d[ATTEMPT_FREE]
    d[ATTEMPT_FREE] = which


@kernel(borrow=True)
def add_attempt(
    d: Any,
    waiting: Any,
    attempts: Any,
    cells: Any,
    recent: Any,
    cell: Any,
    h: Any,
    th: Any,
    c_hi: Any,
    c_lo: Any,
    s_hi: Any,
    s_lo: Any,
    row: Any,
    protocol: Any,
) -> Any:
    """A new attempt at the end of its key's list (made if `cell` is negative); 0 without room."""
    a = d[ATTEMPT_FREE]
    if a == 0 and d[ATTEMPT_USED] >= len(attempts):
        return np.int64(0)
    if cell < 0:
        which = d[KEY_FREE]
        if which:
            d[KEY_FREE] = np.int64(waiting[which]["next"])
        elif d[KEY_USED] < len(waiting):
            which = d[KEY_USED]
            d[KEY_USED] += 1
        else:
            return np.int64(0)
        cells[~cell] = which
        k = waiting[which]
        k["client_hi"] = c_hi
        k["client_lo"] = c_lo
        k["server_hi"] = s_hi
        k["server_lo"] = s_lo
        k["qhash"] = row["dns_qhash"]
        k["hash"] = h
        k["port"] = row["sport"]
        k["id"] = row["dns_id"]
        k["qtype"] = row["dns_qtype"]
        k["protocol"] = protocol
        k["head"] = 0
        k["tail"] = 0
        k["live"] = 0
        k["before"] = 0
    else:
        which = np.int64(cells[cell])
    if a:
        d[ATTEMPT_FREE] = np.int64(attempts[a]["next"])
    else:
        a = d[ATTEMPT_USED]
        d[ATTEMPT_USED] += 1
    recent[np.int64(th >> _S32) & (RECENT - 1)] = which
    k = waiting[which]
    attempts[a]["next"] = 0
    if k["head"] == 0:
        k["head"] = a
    else:
        attempts[k["tail"]]["next"] = a
    if k["live"] == 0:
        k["live"] = a
        k["before"] = k["tail"]
    k["tail"] = a
    return a


@kernel(borrow=True)
def take_attempt(d: Any, k: Any, attempts: Any, ts: Any) -> Any:
    """The attempt that an answer at `ts` belongs to, taken out of its key's list; 0 if it comes too late for all."""
    while k["live"] and attempts[k["live"]]["ts"] + d[TIMEOUT] < ts:
        k["before"] = k["live"]
        k["live"] = attempts[k["live"]]["next"]
    a = np.int64(k["live"])
    if a:
        after = attempts[a]["next"]
        if k["before"]:
            attempts[k["before"]]["next"] = after
        else:
            k["head"] = after
        k["live"] = after
        if k["tail"] == a:
            k["tail"] = k["before"]
        return a
    a = np.int64(k["head"])
    if a and ts - attempts[a]["ts"] <= d[LATE_LIMIT]:
        k["head"] = attempts[a]["next"]
        if k["before"] == a:
            k["before"] = 0
        if k["head"] == 0:
            k["tail"] = 0
        return a
    return np.int64(0)


@kernel(borrow=True)
def book_answer(
    d: Any, ring: Any, ring_places: Any, counts: Any, latency: Any, attempt: Any, over_tcp: Any, ts: Any, flags: Any
) -> None:
    """Count an answered attempt, in its window if that is still open."""
    took = max(ts - attempt["ts"], np.int64(0))
    in_time = took <= d[TIMEOUT]
    d[T_ANSWERED if in_time else T_LATE] += 1
    r = attempt["window"] % ring_places
    if ring[r * _R + state.OPEN] == 0 or ring[r * _R + state.NUMBER] != attempt["window"]:
        return
    row = r * d[PAIRS] + np.int64(attempt["row"])
    at = row * DNS_COUNTS
    counts[at + (_ANSWERED if in_time else _LATE)] += 1
    rcode = flags & 15
    if rcode == 0:
        counts[at + _NOERROR] += 1
    elif rcode == 3:
        counts[at + _NXDOMAIN] += 1
    elif rcode == 2:
        counts[at + _SERVFAIL] += 1
    elif rcode == 5:
        counts[at + _REFUSED] += 1
    else:
        counts[at + _OTHER_RCODE] += 1
    if flags & 0x0200:
        counts[at + _TRUNCATED] += 1
    if in_time and attempt["flags"] & FIRST:
        counts[at + _NEW_ANSWERED] += 1
    if in_time and over_tcp:
        counts[at + _TCP_ANSWERED] += 1
    latency[row * LATENCY_BUCKETS + bucket(took // 1000)] += 1


@kernel(
    types.void(
        HEADERS, NOTES, U8, types.int64, I32, I64, I64, I64,
        PAIR_ROWS, I64, I32, I32, I32, NAME_ROWS, I32, WAITERS, ATTEMPT_ROWS, I32, I32,
    ), borrow=True
)  # fmt: skip
def transactions(
    rows: Any,
    notes: Any,
    names: Any,
    listed_count: Any,
    listed: Any,
    s: Any,
    ring: Any,
    d: Any,
    pairs: Any,
    counts: Any,
    latency: Any,
    index: Any,
    place: Any,
    kept: Any,
    name_index: Any,
    waiting: Any,
    attempts: Any,
    cells: Any,
    recent: Any,
) -> None:
    """Take up the DNS packets that `aggregate.observe` listed: (row, ring place or -1) pairs."""
    ring_places = s[state.RING]
    for entry in range(listed_count):
        row = rows[listed[2 * entry]]
        events = notes[listed[2 * entry]]["events"]
        r = np.int64(listed[2 * entry + 1])
        ts = min(max(row["ts"], -state.FAR), state.FAR)
        if not row["present"] & headers.DNS:  # an ICMP error about a query
            if events & n.UNREACHABLE and r >= 0:
                at = pair_row(
                    d, ring, pairs, index, place, r,
                    row["quoted_src_hi"], row["quoted_src_lo"], row["quoted_dst_hi"], row["quoted_dst_lo"],
                )  # fmt: skip
                counts[(r * d[PAIRS] + at) * DNS_COUNTS + _UNREACHABLE] += 1
            continue
        protocol = np.int64(row["protocol"])
        if protocol == _TCP and events & n.RETRANSMISSION:
            continue
        ident, qtype, qhash = np.int64(row["dns_id"]), np.int64(row["dns_qtype"]), row["dns_qhash"]
        flags = np.int64(row["dns_flags"])
        if not flags & 0x8000:
            if row["dport"] != 53:
                continue
            c_hi, c_lo, s_hi, s_lo = row["src_hi"], row["src_lo"], row["dst_hi"], row["dst_lo"]
            port = np.int64(row["sport"])
            th = tuple_hash(c_hi, c_lo, s_hi, s_lo, port, protocol, ident)
            h = mix(mix(th, qhash), np.uint64(qtype))
            cell = find(d, waiting, cells, h, c_hi, c_lo, s_hi, s_lo, port, protocol, ident, qhash, qtype)
            a = add_attempt(
                d, waiting, attempts, cells, recent, cell, h, th, c_hi, c_lo, s_hi, s_lo, row, protocol
            )  # fmt: skip
            where = np.int64(0)
            if r >= 0:
                where = pair_row(d, ring, pairs, index, place, r, c_hi, c_lo, s_hi, s_lo)
            at = (r * d[PAIRS] + where) * DNS_COUNTS
            if a == 0:
                d[T_UNTRACKED] += 1
                if r >= 0:
                    counts[at + _UNTRACKED] += 1
                continue
            d[T_ATTEMPTS] += 1
            attempt = attempts[a]
            attempt["ts"] = ts
            attempt["window"] = state.NO_WINDOW
            attempt["row"] = where
            attempt["name"] = 0
            attempt["flags"] = IN_USE | FIRST if events & n.NEW else IN_USE
            if r >= 0:
                attempt["window"] = ring[r * _R + state.NUMBER]
                counts[at + _ATTEMPTS] += 1
                if events & n.NEW:
                    counts[at + _NEW_ATTEMPTS] += 1
                if protocol == _TCP:
                    counts[at + _TCP_ATTEMPTS] += 1
                if row["present"] & headers.QUESTION:
                    attempt["name"] = name_row(
                        d, ring, kept, name_index, r, qhash, qtype,
                        names, np.int64(row["name_offset"]), np.int64(row["name_length"]),
                    )  # fmt: skip
            continue
        if row["sport"] != 53:
            continue
        c_hi, c_lo, s_hi, s_lo = row["dst_hi"], row["dst_lo"], row["src_hi"], row["src_lo"]
        port = np.int64(row["dport"])
        th = tuple_hash(c_hi, c_lo, s_hi, s_lo, port, protocol, ident)
        h = mix(mix(th, qhash), np.uint64(qtype))
        if not row["present"] & headers.QUESTION:  # some servers answer errors with the header alone
            which = np.int64(recent[np.int64(th >> _S32) & (RECENT - 1)])
            k = waiting[which]
            if which and k["head"] and same_tuple(k, c_hi, c_lo, s_hi, s_lo, port, protocol, ident):
                h, qhash, qtype = k["hash"], k["qhash"], np.int64(k["qtype"])
        cell = find(d, waiting, cells, h, c_hi, c_lo, s_hi, s_lo, port, protocol, ident, qhash, qtype)
        a = np.int64(0)
        if cell >= 0:
            k = waiting[cells[cell]]
            a = take_attempt(d, k, attempts, ts)
        if a:
            book_answer(d, ring, ring_places, counts, latency, attempts[a], protocol == _TCP, ts, flags)
            free_attempt(d, attempts, a)
            if k["head"] == 0:
                remove(d, waiting, cells, cell)
        else:
            d[T_ORPHANS] += 1
            if r >= 0:
                at = pair_row(d, ring, pairs, index, place, r, c_hi, c_lo, s_hi, s_lo)
                counts[(r * d[PAIRS] + at) * DNS_COUNTS + _ORPHANS] += 1


@kernel(types.void(I64, I64, WAITERS, ATTEMPT_ROWS, I32), borrow=True)
def purge(s: Any, d: Any, waiting: Any, attempts: Any, cells: Any) -> None:
    """Forget attempts too old even for a late answer."""
    limit = s[state.WATERMARK] - d[LATE_LIMIT]
    for which in range(1, d[KEY_USED]):
        k = waiting[which]
        if k["head"] == 0:
            continue
        while k["head"] and attempts[k["head"]]["ts"] < limit:
            a = np.int64(k["head"])
            k["head"] = attempts[a]["next"]
            if k["live"] == a:
                k["live"] = k["head"]
                k["before"] = 0
            if k["before"] == a:
                k["before"] = 0
            free_attempt(d, attempts, a)
        if k["head"] == 0:
            cell = np.int64(k["hash"] >> _S32) & (d[CELLS] - 1)
            while np.int64(cells[cell]) != which:
                cell = (cell + 1) & (d[CELLS] - 1)
            remove(d, waiting, cells, cell)
