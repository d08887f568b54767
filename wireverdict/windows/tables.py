"""The window's hash table of service rows, and stalls: helpers of the aggregation kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.windows import state
from wireverdict.windows.fields import COUNTS, Count

_R, _USED, _OPEN, _NUMBER = state.R_SIZE, state.USED, state.OPEN, state.NUMBER
_SERVICES, _INDEX, _WIDTH, _RING = state.SERVICES, state.INDEX, state.WIDTH, state.RING
_STALL_MS = int(Count.STALL_MS)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX2 = np.uint64(0xD6E8FEB86659FD93)
_S32 = np.uint64(32)
_ZERO = np.int64(0)


@kernel(inline=True, borrow=True)
def mix(h: Any, value: Any) -> Any:
    """Stir 64 more bits into a hash (multiply and fold)."""
    h = (h ^ np.uint64(value)) * _MIX
    return (h ^ (h >> _S32)) * _MIX2


@kernel(borrow=True)
def own_row(
    s: Any,
    ring: Any,
    keys: Any,
    index: Any,
    place: Any,
    r: Any,
    a_hi: Any,
    a_lo: Any,
    b_hi: Any,
    b_lo: Any,
    port: Any,
    protocol: Any,
    responder: Any,
    limit: Any,
) -> Any:
    """The row of a key in ring place `r`, made if there are fewer than `limit` rows; -1 without room."""
    h = mix(mix(mix(mix(np.uint64(port) << np.uint64(16), a_hi), a_lo), b_hi), b_lo)
    h = mix(h, np.uint64(protocol) << np.uint64(8) | np.uint64(responder))
    mask = s[_INDEX] - 1
    cell = np.int64(h >> _S32) & mask
    first, rows = r * s[_INDEX], r * s[_SERVICES]
    while True:
        row = np.int64(index[first + cell])
        if row == 0:
            break
        k = keys[rows + row]
        if (
            k["low_lo"] == a_lo
            and k["high_lo"] == b_lo
            and k["port"] == port
            and k["low_hi"] == a_hi
            and k["high_hi"] == b_hi
            and k["protocol"] == protocol
            and k["responder"] == responder
        ):
            return row
        cell = (cell + 1) & mask
    row = ring[r * _R + _USED]
    if row >= limit:
        return np.int64(-1)
    ring[r * _R + _USED] = row + 1
    index[first + cell] = row
    place[rows + row] = cell
    k = keys[rows + row]
    k["low_hi"] = a_hi
    k["low_lo"] = a_lo
    k["high_hi"] = b_hi
    k["high_lo"] = b_lo
    k["port"] = port
    k["protocol"] = protocol
    k["responder"] = responder
    return row


@kernel(borrow=True)
def service_row(
    s: Any,
    ring: Any,
    keys: Any,
    index: Any,
    place: Any,
    r: Any,
    a_hi: Any,
    a_lo: Any,
    b_hi: Any,
    b_lo: Any,
    port: Any,
    protocol: Any,
    responder: Any,
) -> Any:
    """The row to count in; ``~row`` when it is not the service's own.

    The last quarter of the rows is kept for address pairs as a whole (port, protocol and responder 0), so that a scan
    of ports cannot crowd out other pairs; what finds no room there either goes to row 0.
    """
    room = s[_SERVICES]
    row = own_row(s, ring, keys, index, place, r, a_hi, a_lo, b_hi, b_lo, port, protocol, responder, room - (room >> 2))
    if row >= 0:
        return row
    row = own_row(s, ring, keys, index, place, r, a_hi, a_lo, b_hi, b_lo, _ZERO, _ZERO, _ZERO, room)
    return ~row if row > 0 else ~np.int64(0)


@kernel(borrow=True)
def end_stall(
    s: Any, ring: Any, keys: Any, counts: Any, index: Any, place: Any, stalls: Any, which: Any, until: Any
) -> None:
    """Book a stall that ended at `until` (ns) to the open windows that it overlaps, and free its row."""
    stall = stalls[which]
    for r in range(s[_RING]):
        if ring[r * _R + _OPEN] == 0:
            continue
        if s[state.COUNT] > 0:
            start, end = ring[r * _R + state.FIRST], ring[r * _R + state.LAST]
        else:
            start = ring[r * _R + _NUMBER] * s[_WIDTH]
            end = start + s[_WIDTH]
        part = min(until, end) - max(stall["since"], start)
        if part > 0:
            book_stall(s, ring, keys, counts, index, place, stall, r, part)
    free_stall(s, stalls, which)


@kernel(borrow=True)
def book_stall(
    s: Any, ring: Any, keys: Any, counts: Any, index: Any, place: Any, stall: Any, r: Any, part: Any
) -> None:
    """Add `part` ns of a stall to ring place `r`."""
    row = service_row(
        s,
        ring,
        keys,
        index,
        place,
        r,
        stall["low_hi"],
        stall["low_lo"],
        stall["high_hi"],
        stall["high_lo"],
        np.int64(stall["port"]),
        np.int64(stall["protocol"]),
        np.int64(stall["responder"]),
    )
    if row < 0:
        row = ~row
    counts[((r * s[_SERVICES] + row) * 2 + np.int64(stall["side"])) * COUNTS + _STALL_MS] += part // 1_000_000


@kernel(borrow=True)
def free_stall(s: Any, stalls: Any, which: Any) -> None:
    """Give a stall's row back."""
    stalls[which]["used"] = 0
    stalls[which]["next"] = s[state.STALL_FREE]
    s[state.STALL_FREE] = which
    s[state.STALL_OPEN] -= 1
