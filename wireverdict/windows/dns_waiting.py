"""DNS attempts that wait for their answer: found by key, kept in order within a key."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.windows.dns_state import (
    ATTEMPT_FREE,
    ATTEMPT_USED,
    CELLS,
    KEY_FREE,
    KEY_USED,
    LATE_LIMIT,
    TIMEOUT,
)


@kernel(inline=True, borrow=True)
def same_tuple(k: Any, c_hi: Any, c_lo: Any, s_hi: Any, s_lo: Any, port: Any, protocol: Any, ident: Any) -> Any:
    """Whether a waiting key is the same but for the question."""
    return (
        k.client_lo == c_lo
        and k.server_lo == s_lo
        and k.port == port
        and k.id == ident
        and k.client_hi == c_hi
        and k.server_hi == s_hi
        and k.protocol == protocol
    )


@kernel(inline=True, borrow=True)
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
    cell = np.int64(h) & mask
    while True:
        which = np.int64(cells[cell])
        if which == 0:
            return ~cell
        k = waiting[which]
        if (
            k.hash == h
            and k.qhash == qhash
            and k.qtype == qtype
            and same_tuple(k, c_hi, c_lo, s_hi, s_lo, port, protocol, ident)
        ):
            return cell
        cell = (cell + 1) & mask


@kernel(inline=True, borrow=True)
def find_recent(
    d: Any, waiting: Any, recent: Any, near: Any, c_hi: Any, c_lo: Any, s_hi: Any, s_lo: Any, port: Any, protocol: Any,
    ident: Any,
) -> Any:  # fmt: skip
    """The cell of the last key that was asked with these ends and id, if it waits still; else ``~cell`` where it would be."""
    mask = d[CELLS] - 1
    cell = np.int64(near) & mask
    while True:
        which = np.int64(recent[cell])
        if which == 0:
            return ~cell
        k = waiting[which]
        if k.near == near and same_tuple(k, c_hi, c_lo, s_hi, s_lo, port, protocol, ident):
            return cell
        cell = (cell + 1) & mask


@kernel(borrow=True)
def remove(d: Any, waiting: Any, cells: Any, recent: Any, cell: Any) -> None:
    """Take a key without attempts out: the keys behind it in its run move up (Knuth 6.4, algorithm R)."""
    mask = d[CELLS] - 1
    which = np.int64(cells[cell])
    waiting[which].head = 0
    waiting[which].next = d[KEY_FREE]
    d[KEY_FREE] = which
    hole = cell
    probe = (cell + 1) & mask
    while cells[probe] != 0:
        home = np.int64(waiting[cells[probe]].hash) & mask
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            cells[hole] = cells[probe]
            hole = probe
        probe = (probe + 1) & mask
    cells[hole] = 0
    hole = np.int64(waiting[which].near) & mask
    while recent[hole] != which:
        if recent[hole] == 0:
            return  # another question with the same ends and id came after it
        hole = (hole + 1) & mask
    probe = (hole + 1) & mask
    while recent[probe] != 0:
        home = np.int64(waiting[recent[probe]].near) & mask
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            recent[hole] = recent[probe]
            hole = probe
        probe = (probe + 1) & mask
    recent[hole] = 0


@kernel(borrow=True)
def free_attempt(d: Any, attempts: Any, which: Any) -> None:
    """Give an attempt's row back."""
    attempts[which].flags = 0
    attempts[which].next = d[ATTEMPT_FREE]
    d[ATTEMPT_FREE] = which


@kernel(inline=True, borrow=True)
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
            d[KEY_FREE] = np.int64(waiting[which].next)
        elif d[KEY_USED] < len(waiting):
            which = d[KEY_USED]
            d[KEY_USED] += 1
        else:
            return np.int64(0)
        cells[~cell] = which
        k = waiting[which]
        k.client_hi = c_hi
        k.client_lo = c_lo
        k.server_hi = s_hi
        k.server_lo = s_lo
        k.qhash = row.dns_qhash
        k.hash = h
        k.near = th
        k.port = row.sport
        k.id = row.dns_id
        k.qtype = row.dns_qtype
        k.protocol = protocol
        k.head = 0
        k.tail = 0
        k.live = 0
        k.before = 0
    else:
        which = np.int64(cells[cell])
    if a:
        d[ATTEMPT_FREE] = np.int64(attempts[a].next)
    else:
        a = d[ATTEMPT_USED]
        d[ATTEMPT_USED] += 1
    k = waiting[which]
    place = find_recent(d, waiting, recent, th, c_hi, c_lo, s_hi, s_lo, np.int64(k.port), protocol, np.int64(k.id))
    recent[place if place >= 0 else ~place] = which
    attempts[a].next = 0
    if k.head == 0:
        k.head = a
    else:
        attempts[k.tail].next = a
    if k.live == 0:
        k.live = a
        k.before = k.tail
    k.tail = a
    return a


@kernel(inline=True, borrow=True)
def take_attempt(d: Any, k: Any, attempts: Any, ts: Any) -> Any:
    """The attempt that an answer at `ts` belongs to, taken out of its key's list; 0 if it comes too late for all."""
    while k.live and attempts[k.live].ts + d[TIMEOUT] < ts:
        k.before = k.live
        k.live = attempts[k.live].next
    a = np.int64(k.live)
    if a:
        after = attempts[a].next
        if k.before:
            attempts[k.before].next = after
        else:
            k.head = after
        k.live = after
        if k.tail == a:
            k.tail = k.before
        return a
    a = np.int64(k.head)
    if a and ts - attempts[a].ts <= d[LATE_LIMIT]:
        k.head = attempts[a].next
        if k.before == a:
            k.before = 0
        if k.head == 0:
            k.tail = 0
        return a
    return np.int64(0)
