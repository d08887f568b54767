"""DNS transactions: which query got an answer, when, and to which window that belongs.

Every query packet is one attempt, retries included: retries multiply in an outage, and names would hide that. An answer
goes to the oldest attempt of the same key (client, server, ports, protocol, id, name, type) that it reaches within the
time-out, else to the oldest that still waits. What is booked goes to the window of the attempt, never to that of the
answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.headers import HEADER
from wireverdict.kernels import kernel, types
from wireverdict.kernels.prefetch import prefetch
from wireverdict.windows import dns_state, state
from wireverdict.windows.dns_state import (
    ATTEMPT,
    CELLS,
    FEW,
    FIRST,
    IN_USE,
    MANY,
    NAME,
    NAME_INDEX,
    NAMES,
    PAIR_INDEX,
    PAIRS,
    ROW,
    T_ANSWERED,
    T_ATTEMPTS,
    T_LATE,
    T_ORPHANS,
    T_UNTRACKED,
    TIMEOUT,
    WAITING,
)
from wireverdict.windows.dns_tables import bucket, name_cell, name_row, pair_row
from wireverdict.windows.dns_waiting import add_attempt, find, find_recent, free_attempt, remove, take_attempt
from wireverdict.windows.fields import DNS_COUNTS, DNS_KEY, LATENCY_BUCKETS, Dns
from wireverdict.windows.tables import hash_pair, mix

_TCP = headers.TCP
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

BLOCK = 16
"""Packets whose memory is asked for at once."""

row_of = types.from_dtype
HEADERS, NOTES, PLACES, PAIR_ROWS = (row_of(t)[::1] for t in (HEADER, n.NOTE, state.PLACE, DNS_KEY))
WAITERS, ATTEMPT_ROWS, NAME_ROWS = (row_of(t)[::1] for t in (WAITING, ATTEMPT, NAME))
I64, I32, U8, U32, U64 = types.int64[::1], types.int32[::1], types.uint8[::1], types.uint32[::1], types.uint64[::1]


@kernel(inline=True, borrow=True)
def book_answer(
    d: Any, ring: Any, ring_places: Any, counts: Any, latency: Any, attempt: Any, over_tcp: Any, ts: Any, flags: Any
) -> None:  # fmt: skip
    """Count an answered attempt, in its window if that is still open."""
    took = max(ts - attempt.ts, np.int64(0))
    in_time = took <= d[TIMEOUT]
    d[T_ANSWERED if in_time else T_LATE] += 1
    r = attempt.window % ring_places
    if ring[r].open == 0 or ring[r].number != attempt.window:
        return
    at = (r * d[PAIRS] + attempt.row) * ROW
    counts[at + (_ANSWERED if in_time else _LATE)] += 1
    rcode = flags & 15
    column = _OTHER_RCODE
    if rcode == 0:
        column = _NOERROR
    elif rcode == 3:
        column = _NXDOMAIN
    elif rcode == 2:
        column = _SERVFAIL
    elif rcode == 5:
        column = _REFUSED
    counts[at + column] += 1
    if flags & 0x0200:
        counts[at + _TRUNCATED] += 1
    if in_time and attempt.flags & FIRST:
        counts[at + _NEW_ANSWERED] += 1
    if in_time and over_tcp:
        counts[at + _TCP_ANSWERED] += 1
    book_latency(d, ring, counts, latency, r, at + DNS_COUNTS, bucket(took // 1000))


@kernel(borrow=True)
def book_latency(d: Any, ring: Any, counts: Any, latency: Any, r: Any, few: Any, where: Any) -> None:
    """Count an answer in a latency bucket. `few`: where the client + resolver's first buckets are in `counts`."""
    if counts[few] & 255 != MANY:
        for k in range(few, few + FEW):
            if counts[k] == 0:
                counts[k] = where
            if counts[k] & 255 == where and counts[k] < 0xFFFFFF00:
                counts[k] += 256
                return
        own = ring[r].histograms
        ring[r].histograms = own + 1
        row = (r * d[PAIRS] + own) * LATENCY_BUCKETS
        for k in range(few, few + FEW):
            latency[row + (counts[k] & 255)] += counts[k] >> 8
            counts[k] = 0
        counts[few] = own << 8 | MANY
    latency[(r * d[PAIRS] + (counts[few] >> 8)) * LATENCY_BUCKETS + where] += 1


@kernel(borrow=True)
def fetch_ahead(
    rows: Any, listed: Any, start: Any, stop: Any, d: Any, pairs: Any, counts: Any, index: Any, kept: Any,
    name_index: Any, waiting: Any, cells: Any, recent: Any, hashes: Any,
) -> None:  # fmt: skip
    """Hash the keys of listed[start:stop], and ask for the memory that they will need.

    `hashes`: for each packet three numbers, of the pair, of all but the question, and of the whole key.
    """
    for entry in range(start, stop):
        row = rows[listed[2 * entry]]
        r = np.int64(listed[2 * entry + 1])
        c_hi, c_lo, s_hi, s_lo, port = row.src_hi, row.src_lo, row.dst_hi, row.dst_lo, np.uint64(row.sport)
        if row.dns_flags & 0x8000:
            c_hi, c_lo, s_hi, s_lo, port = row.dst_hi, row.dst_lo, row.src_hi, row.src_lo, np.uint64(row.dport)
        pair = hash_pair(c_hi, c_lo, s_hi, s_lo, 53)
        near = mix(pair, port << np.uint64(32) | np.uint64(row.dns_id) << np.uint64(16) | np.uint64(row.protocol))
        whole = mix(mix(near, row.dns_qhash), np.uint64(row.dns_qtype))
        at = 3 * (entry - start)
        hashes[at] = pair
        hashes[at + 1] = near
        hashes[at + 2] = whole
        prefetch(cells, np.int64(whole) & (d[CELLS] - 1), 0)
        prefetch(recent, np.int64(near) & (d[CELLS] - 1), 0)
        if r >= 0:
            prefetch(index, r * d[PAIR_INDEX] + (np.int64(pair) & (d[PAIR_INDEX] - 1)), 0)
            if not row.dns_flags & 0x8000:
                prefetch(name_index, r * d[NAME_INDEX] + name_cell(d, row), 0)
    for entry in range(start, stop):
        r = np.int64(listed[2 * entry + 1])
        at = 3 * (entry - start)
        which = np.int64(cells[np.int64(hashes[at + 2]) & (d[CELLS] - 1)])
        if which:
            prefetch(waiting, which, 0)
            prefetch(waiting, which, 64)
        if r >= 0:
            row = r * d[PAIRS] + index[r * d[PAIR_INDEX] + (np.int64(hashes[at]) & (d[PAIR_INDEX] - 1))]
            prefetch(pairs, row, 0)
            prefetch(counts, row * ROW, 0)
            prefetch(counts, row * ROW, 64)
            header = rows[listed[2 * entry]]
            if not header.dns_flags & 0x8000:
                name = name_index[r * d[NAME_INDEX] + name_cell(d, header)]
                prefetch(kept, r * d[NAMES] + name, 0)


@kernel(
    types.void(
        HEADERS, NOTES, U8, types.int64, I32, I64, PLACES, I64,
        PAIR_ROWS, U32, U32, I32, I32, NAME_ROWS, I32, WAITERS, ATTEMPT_ROWS, I32, I32, U64,
    ),
    borrow=True,
)  # fmt: skip
def transactions(
    rows: Any, notes: Any, names: Any, listed_count: Any, listed: Any, s: Any, ring: Any, d: Any,
    pairs: Any, counts: Any, latency: Any, index: Any, place: Any, kept: Any, name_index: Any,
    waiting: Any, attempts: Any, cells: Any, recent: Any, hashes: Any,
) -> None:  # fmt: skip
    """Take up the DNS packets that `aggregate.observe` listed: (row, ring place or -1) pairs.

    `hashes`: scratch room for 3 · BLOCK numbers.
    """
    ring_places = s[state.RING]
    for entry in range(listed_count):
        if entry % BLOCK == 0:
            stop = min(entry + BLOCK, listed_count)
            fetch_ahead(
                rows, listed, entry, stop, d, pairs, counts, index, kept, name_index, waiting, cells, recent, hashes
            )
        row = rows[listed[2 * entry]]
        events = notes[listed[2 * entry]].events
        r = np.int64(listed[2 * entry + 1])
        ts = min(max(row.ts, -state.FAR), state.FAR)
        if not row.present & headers.DNS:  # an ICMP error about a query
            if events & n.UNREACHABLE and r >= 0:
                c_hi, c_lo, s_hi, s_lo = row.quoted_src_hi, row.quoted_src_lo, row.quoted_dst_hi, row.quoted_dst_lo
                h = hash_pair(c_hi, c_lo, s_hi, s_lo, 53)
                at = pair_row(d, ring, pairs, index, place, r, h, c_hi, c_lo, s_hi, s_lo)
                counts[(r * d[PAIRS] + at) * ROW + _UNREACHABLE] += 1
            continue
        protocol = np.int64(row.protocol)
        if protocol == _TCP and events & n.RETRANSMISSION:
            continue
        flags = np.int64(row.dns_flags)
        answer = (flags & 0x8000) != 0
        c_hi, c_lo, s_hi, s_lo = row.src_hi, row.src_lo, row.dst_hi, row.dst_lo
        port, server_port = np.int64(row.sport), np.int64(row.dport)
        if answer:
            c_hi, c_lo, s_hi, s_lo = s_hi, s_lo, c_hi, c_lo
            port, server_port = server_port, port
        if server_port != 53:
            continue
        ident, qtype, qhash = np.int64(row.dns_id), np.int64(row.dns_qtype), row.dns_qhash
        hashed = 3 * (entry % BLOCK)
        pair, near, whole = hashes[hashed], hashes[hashed + 1], hashes[hashed + 2]
        if answer and not row.present & headers.QUESTION:  # some servers answer errors with the header alone
            last = find_recent(d, waiting, recent, near, c_hi, c_lo, s_hi, s_lo, port, protocol, ident)
            if last >= 0:
                k = waiting[recent[last]]
                whole, qhash, qtype = k.hash, k.qhash, np.int64(k.qtype)
        cell = find(d, waiting, cells, whole, c_hi, c_lo, s_hi, s_lo, port, protocol, ident, qhash, qtype)
        if answer:
            a = np.int64(0)
            k = waiting[cells[max(cell, 0)]]
            if cell >= 0:
                a = take_attempt(d, k, attempts, ts)
            if a:
                book_answer(d, ring, ring_places, counts, latency, attempts[a], protocol == _TCP, ts, flags)
                free_attempt(d, attempts, a)
                if k.head == 0:
                    remove(d, waiting, cells, recent, cell)
                continue
            d[T_ORPHANS] += 1
        where = np.int64(0)
        if r >= 0:
            where = pair_row(d, ring, pairs, index, place, r, pair, c_hi, c_lo, s_hi, s_lo)
        at = (r * d[PAIRS] + where) * ROW
        if answer:
            if r >= 0:
                counts[at + _ORPHANS] += 1
            continue
        a = add_attempt(d, waiting, attempts, cells, recent, cell, whole, near, c_hi, c_lo, s_hi, s_lo, row, protocol)
        if a == 0:
            d[T_UNTRACKED] += 1
            if r >= 0:
                counts[at + _UNTRACKED] += 1
            continue
        d[T_ATTEMPTS] += 1
        attempt = attempts[a]
        attempt.ts = ts
        attempt.window = state.NO_WINDOW
        attempt.row = where
        attempt.name = 0
        attempt.flags = IN_USE | FIRST if events & n.NEW else IN_USE
        if r >= 0:
            attempt.window = ring[r].number
            counts[at + _ATTEMPTS] += 1
            if events & n.NEW:
                counts[at + _NEW_ATTEMPTS] += 1
            if protocol == _TCP:
                counts[at + _TCP_ATTEMPTS] += 1
            if row.present & headers.QUESTION:
                attempt.name = name_row(d, ring, kept, name_index, r, row, names)


@kernel(
    types.int64(
        types.int64, types.int64, I64, PLACES, I64, U32, U32, I32, I32, NAME_ROWS, I32, ATTEMPT_ROWS, I64, I64, U32,
    ),
    borrow=True,
)  # fmt: skip
def conclude(
    r: Any, number: Any, s: Any, ring: Any, d: Any, counts: Any, latency: Any, index: Any, place: Any,
    kept: Any, name_index: Any, attempts: Any, since: Any, found: Any, booked: Any,
) -> Any:  # fmt: skip
    """Close window `number` in ring place `r`: judge attempts without answer, take out latencies, clear the indexes.

    Attempts too young to judge are counted; of the others `since` takes the first time by row, and `found` each one's
    row << 32 | name: how many is returned. `booked` takes (row·LATENCY_BUCKETS + bucket, answers).
    """
    many = np.int64(0)
    first_pair = r * d[PAIRS]
    for one in range(1, d[dns_state.ATTEMPT_USED]):
        attempt = attempts[one]
        if not attempt.flags & IN_USE or attempt.window != number:
            continue
        if attempt.ts + d[TIMEOUT] > s[state.WATERMARK]:
            counts[(first_pair + attempt.row) * ROW + _PENDING] += 1
            continue
        since[attempt.row] = min(since[attempt.row], attempt.ts)
        found[many] = np.int64(attempt.row) << 32 | attempt.name
        many += 1
    out = 0
    for row in range(ring[r].dns_used):
        few = (first_pair + row) * ROW + DNS_COUNTS
        if counts[few] & 255 == MANY:
            own = (first_pair + (counts[few] >> 8)) * LATENCY_BUCKETS
            for where in range(LATENCY_BUCKETS):
                if latency[own + where]:
                    booked[2 * out] = row * LATENCY_BUCKETS + where
                    booked[2 * out + 1] = latency[own + where]
                    latency[own + where] = 0
                    out += 1
        else:
            for k in range(few, few + FEW):
                if counts[k] == 0:
                    break
                booked[2 * out] = row * LATENCY_BUCKETS + (counts[k] & 255)
                booked[2 * out + 1] = counts[k] >> 8
                out += 1
        if row:
            index[r * d[PAIR_INDEX] + place[first_pair + row]] = 0
    for name in range(1, ring[r].names_used):
        name_index[r * d[NAME_INDEX] + kept[r * d[NAMES] + name].place] = 0
    s[state.BOOKED] = out
    return many


@kernel(types.void(types.int64, I64, WAITERS, ATTEMPT_ROWS, I32, I32), borrow=True)
def forget(limit: Any, d: Any, waiting: Any, attempts: Any, cells: Any, recent: Any) -> None:
    """Forget attempts before `limit` (ns), which are too old even for a late answer."""
    for which in range(1, d[dns_state.KEY_USED]):
        k = waiting[which]
        if k.head == 0:
            continue
        while k.head and attempts[k.head].ts < limit:
            a = np.int64(k.head)
            k.head = attempts[a].next
            if k.live == a:
                k.live = k.head
                k.before = 0
            if k.before == a:
                k.before = 0
            free_attempt(d, attempts, a)
        if k.head == 0:
            home = np.int64(k.hash) & (d[CELLS] - 1)
            while np.int64(cells[home]) != which:
                home = (home + 1) & (d[CELLS] - 1)
            remove(d, waiting, cells, recent, home)
