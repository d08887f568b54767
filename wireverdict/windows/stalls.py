"""Receive windows that are closed: how long, and in which windows of time."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.windows import state
from wireverdict.windows.tables import open_place, service_row, trouble_row


@kernel(borrow=True)
def begin_stall(s: Any, stalls: Any, slot: Any, number: Any, end: Any, side: Any, key: Any, ts: Any) -> None:
    """Start the clock of a window that has closed, if there is room for one more."""
    which = s[state.STALL_FREE]
    if which:
        s[state.STALL_FREE] = stalls[which].next
    elif s[state.STALL_USED] < len(stalls):
        which = s[state.STALL_USED]
        s[state.STALL_USED] += 1
    else:
        return
    s[state.STALL_OPEN] += 1
    stall = stalls[which]
    stall.used = 1
    stall.since = ts
    stall.slot = number
    stall.end = end
    stall.side = side
    stall.low_hi = key.low_hi
    stall.low_lo = key.low_lo
    stall.high_hi = key.high_hi
    stall.high_lo = key.high_lo
    stall.port = key.port
    stall.protocol = key.protocol
    stall.responder = key.responder
    if end == 0:
        slot.stall0 = which
    else:
        slot.stall1 = which


@kernel(borrow=True)
def free_stall(s: Any, stalls: Any, slot: Any, end: Any) -> None:
    """Give the row of an end's stall back, if it has one."""
    which = np.int64(slot.stall1) if end else np.int64(slot.stall0)
    if which:
        if end:
            slot.stall1 = 0
        else:
            slot.stall0 = 0
        stalls[which].used = 0
        stalls[which].next = s[state.STALL_FREE]
        s[state.STALL_FREE] = which
        s[state.STALL_OPEN] -= 1


@kernel(borrow=True)
def book_stall(
    s: Any, ring: Any, keys: Any, index: Any, sent: Any, flows: Any, trouble_of: Any, troubles: Any,
    stall: Any, r: Any, part: Any,
) -> None:  # fmt: skip
    """Add `part` ns of a stall to ring place `r`."""
    row = service_row(
        s, ring, keys, index, sent, flows, trouble_of, r,
        stall.low_hi, stall.low_lo, stall.high_hi, stall.high_lo,
        np.int64(stall.port), np.int64(stall.protocol), np.int64(stall.responder),
    )  # fmt: skip
    if row < 0:
        row = ~row
    at = trouble_row(s, ring, troubles, trouble_of, r, row)
    troubles[at + stall.side].stall_ms += part // 1_000_000


@kernel(borrow=True)
def stop_clock(
    s: Any, ring: Any, keys: Any, index: Any, sent: Any, flows: Any, trouble_of: Any, troubles: Any,
    stalls: Any, slot: Any, end: Any, ts: Any,
) -> None:  # fmt: skip
    """If the window of this end was closed, it is so no longer: book it to the windows not yet closed that it overlaps.

    To those too in which nothing has been counted here: others' packets may make it a window. Not to those that end after
    the limit: there `seal` would have dropped it, had it come by.
    """
    which = slot.stall1 if end else slot.stall0
    if which == 0:
        return
    stall = stalls[which]
    if s[state.COUNT]:
        for r in range(s[state.RING]):
            p = ring[r]
            part = min(ts, p.last) - max(stall.since, p.first)
            if p.open and part > 0:
                book_stall(s, ring, keys, index, sent, flows, trouble_of, troubles, stall, np.int64(r), part)
    else:
        width = s[state.WIDTH]
        w = max((s[state.DUE] - s[state.LATENESS]) // width - 1, stall.since // width)
        while w * width < ts:
            first, last = w * width, (w + 1) * width
            part = min(ts, last) - max(stall.since, first)
            if last - stall.since <= s[state.STALL_LIMIT] and part > 0:
                r = w % s[state.RING]
                if ring[r].open == 0:
                    open_place(s, ring, sent, flows, trouble_of, w, first)
                book_stall(s, ring, keys, index, sent, flows, trouble_of, troubles, stall, r, part)
            w += 1
    free_stall(s, stalls, slot, end)
