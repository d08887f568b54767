"""Finding rows in a window: the hash table of its services, and the windows themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.windows import state

_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX2 = np.uint64(0xD6E8FEB86659FD93)
_S32 = np.uint64(32)
_ROW = np.uint32(0xFFFFFF)
_TAG = np.uint32(0xFF000000)


@kernel(inline=True, borrow=True)
def mix(h: Any, value: Any) -> Any:
    """Stir 64 more bits into a hash (multiply and fold)."""
    h = (h ^ np.uint64(value)) * _MIX
    return (h ^ (h >> _S32)) * _MIX2


@kernel(inline=True, borrow=True)
def hash_pair(a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any, rest: Any) -> Any:
    """A hash of two addresses and up to 64 bits more."""
    return mix(mix(mix(mix(np.uint64(rest), a_hi), a_lo), b_hi), b_lo)


@kernel(inline=True, borrow=True)
def hash_service(a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any, port: Any, protocol: Any, responder: Any) -> Any:
    """The hash of a service's key."""
    return hash_pair(a_hi, a_lo, b_hi, b_lo, (port << 16) | (protocol << 8) | responder)


@kernel(borrow=True)
def service_row(
    s: Any, ring: Any, keys: Any, index: Any, sent: Any, flows: Any, trouble_of: Any, r: Any,
    a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any, port: Any, protocol: Any, responder: Any,
) -> Any:  # fmt: skip
    """The row to count in; ``~row`` when it is not the service's own.

    The last quarter of the rows is kept for address pairs as a whole (port, protocol and responder 0), so that a scan
    of ports cannot crowd out other pairs; what finds no room there either goes to row 0. An index cell holds 8 bits of
    the hash above 24 bits of row number, which saves looking at keys that are not the one.
    """
    room = s[state.SERVICES]
    limit = room - (room >> 2)
    mask = s[state.INDEX] - 1
    first, rows = r * s[state.INDEX], r * room
    own = True
    while True:
        h = hash_service(a_hi, a_lo, b_hi, b_lo, port, protocol, responder)
        tag = np.uint32(h >> _S32) & _TAG
        cell = np.int64(h) & mask
        while True:
            entry = index[first + cell]
            if entry == 0:
                break
            if (entry & _TAG) == tag:
                row = np.int64(entry & _ROW)
                k = keys[rows + row]
                if (
                    k.low_lo == a_lo
                    and k.high_lo == b_lo
                    and k.port == port
                    and k.low_hi == a_hi
                    and k.high_hi == b_hi
                    and k.protocol == protocol
                    and k.responder == responder
                ):
                    return row if own else ~row
            cell = (cell + 1) & mask
        row = ring[r].used
        if row < limit:
            break
        if not own:
            return ~np.int64(0)
        own = False
        port, protocol, responder, limit = np.int64(0), np.int64(0), np.int64(0), room
    ring[r].used = row + 1
    index[first + cell] = tag | np.uint32(row)
    k = keys[rows + row]
    k.low_hi = a_hi
    k.low_lo = a_lo
    k.high_hi = b_hi
    k.high_lo = b_lo
    k.port = port
    k.protocol = protocol
    k.responder = responder
    k.pad = cell  # where to clear the index when the window closes
    blank(sent, flows, trouble_of, rows + row)
    return row if own else ~row


@kernel(borrow=True)
def blank(sent: Any, flows: Any, trouble_of: Any, at: Any) -> None:
    """Empty a service's counts. The last entries of `sent` and of `flows` are never written."""
    nothing = len(sent) - 1
    sent[2 * at] = sent[nothing]
    sent[2 * at + 1] = sent[nothing]
    flows[2 * at] = flows[nothing]
    flows[2 * at + 1] = flows[nothing]
    trouble_of[at] = 0


@kernel(borrow=True)
def trouble_row(s: Any, ring: Any, troubles: Any, trouble_of: Any, r: Any, row: Any) -> Any:
    """Where the first side of a service's TROUBLE is, given out if it has none yet."""
    base = r * s[state.SERVICES]
    which = np.int64(trouble_of[base + row])
    if which == 0:
        ring[r].troubles += 1
        which = ring[r].troubles
        trouble_of[base + row] = which
        at = 2 * (base + which - 1)
        troubles[at] = troubles[len(troubles) - 1]
        troubles[at + 1] = troubles[len(troubles) - 1]
    return 2 * (base + which - 1)


@kernel(borrow=True)
def place_of(s: Any, ring: Any, r: Any, low: Any) -> Any:
    """Ring place of the open window whose number ends in the 32 bits `low`, `r` looked at first; -1 if it is closed."""
    for k in range(-1, s[state.RING]):
        if k >= 0:
            r = k
        if ring[r].open == 1 and (ring[r].number & state.LOW32) == low:
            return r
    return np.int64(-1)


@kernel(borrow=True)
def enter(s: Any, ring: Any, sent: Any, flows: Any, trouble_of: Any, w: Any, ts: Any) -> Any:
    """The ring place of window `w`, opened if need be; -1 when it has closed already."""
    r = w % s[state.RING]
    p = ring[r]
    if p.open == 1 and p.number == w:
        return r
    if s[state.COUNT] == 0 and (w + 1) * s[state.WIDTH] + s[state.LATENESS] <= s[state.WATERMARK]:
        return np.int64(-1)
    open_place(s, ring, sent, flows, trouble_of, w, ts)
    return r


@kernel(borrow=True)
def open_place(s: Any, ring: Any, sent: Any, flows: Any, trouble_of: Any, w: Any, ts: Any) -> None:
    """Make window `w` the tenant of its ring place."""
    r = w % s[state.RING]
    p = ring[r]
    ring[r] = ring[len(ring) - 1]  # blank, never written
    p.number = w
    p.open = 1
    p.first = ts
    p.last = ts
    p.used = 1
    p.dns_used = 1
    p.names_used = 1
    blank(sent, flows, trouble_of, r * s[state.SERVICES])


@kernel(borrow=True)
def count_ahead(s: Any, ring: Any, w: Any) -> Any:
    """Windows by count: when window `w` begins, the one before becomes due; True if it has no place yet."""
    p = ring[w % s[state.RING]]
    if p.open == 1 and p.number != w:
        s[state.FORCE] = 1
        return True
    before = ring[(w - 1) % s[state.RING]]
    if before.open == 1:
        s[state.DUE] = min(s[state.DUE], before.last + s[state.LATENESS])
    return s[state.WATERMARK] >= s[state.DUE]
