"""The kernel that adds headers to open windows."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from wireverdict import frames, headers
from wireverdict.connections import notes as n
from wireverdict.headers import HEADER
from wireverdict.kernels import kernel
from wireverdict.windows import state
from wireverdict.windows.fields import COUNTS, SERVICE_KEY, Count
from wireverdict.windows.tables import book_stall, end_stall, free_stall, service_row

_R = state.R_SIZE
_TCP, _ICMP, _ICMP6 = headers.TCP, headers.ICMP, headers.ICMP6
_PORTS, _DNS, _QUOTED = headers.PORTS, headers.DNS, headers.QUOTED
_MS = 1_000_000
_LOW32 = 0xFFFFFFFF

(
    _C_PACKETS,
    _C_BYTES,
    _C_DATA,
    _C_PAYLOAD,
    _C_OUT,
    _C_IN,
    _C_ACKED,
    _C_RETRANSMISSIONS,
    _C_RETRANSMITTED,
    _C_SPURIOUS,
    _C_OUT_OF_ORDER,
    _C_DUPLICATE_ACKS,
    _C_ZERO_WINDOWS,
    _C_STALL_MS,
    _C_MISSED_BYTES,
    _C_MISSED_EVENTS,
    _C_SYN_ATTEMPTS,
    _C_SYN_PACKETS,
    _C_SYN_ANSWERED,
    _C_SYN_REFUSED,
    _C_SYN_UNREACHABLE,
    _,
    _C_ESTABLISHED,
    _C_ADVANCED,
    _C_UNREACHABLE,
    _C_RESETS,
    _C_NEW_FLOWS,
    _C_ONE_SIDED,
    _C_COPIES,
) = (int(column) for column in Count)

_QUIET = n.SYN_SENT | n.SYN_ANSWERED | n.REFUSED | n.UNREACHABLE | n.RETRANSMISSION | n.OUT_OF_ORDER | n.DUPLICATE_ACK
_QUIET |= n.ZERO_WINDOW | n.WINDOW_OPENED | n.MISSED | n.RST_SEEN | n.CLOSED | n.ONE_SIDED | n.SPURIOUS | n.NEW
"""Events without which a packet needs none of the rarer counts."""


def _array(dtype: Any) -> Any:
    return types.Array(numba.from_dtype(dtype), 1, "C")


HEADERS, NOTES, KEYS = _array(HEADER), _array(n.NOTE), _array(SERVICE_KEY)
SLOTS, STALL_ROWS = _array(state.SLOT), _array(state.STALL)
I64, I32 = types.int64[::1], types.int32[::1]


@kernel(borrow=True)
def enter(s: Any, ring: Any, w: Any, ts: Any) -> Any:
    """The ring place of window `w`, opened if need be; -1 when it has closed already."""
    r = w % s[state.RING]
    if ring[r * _R + state.OPEN] == 1 and ring[r * _R + state.NUMBER] == w:
        return r
    if s[state.COUNT] == 0:
        due = (w + 1) * s[state.WIDTH] + s[state.LATENESS]
        if due <= s[state.WATERMARK]:
            return np.int64(-1)
        s[state.DUE] = min(s[state.DUE], due)
    ring[r * _R + state.NUMBER] = w
    ring[r * _R + state.OPEN] = 1
    ring[r * _R + state.FIRST] = ts
    ring[r * _R + state.LAST] = ts
    return r


@kernel(borrow=True)
def is_open(s: Any, ring: Any, r: Any, low: Any) -> Any:
    """Whether ring place `r` holds the open window whose number ends in the 32 bits `low`."""
    return ring[r * _R + state.OPEN] == 1 and (ring[r * _R + state.NUMBER] & _LOW32) == low


@kernel(borrow=True)
def place_of(s: Any, ring: Any, low: Any) -> Any:
    """Ring place of the open window whose number ends in the 32 bits `low`; -1 if it is closed."""
    for r in range(s[state.RING]):
        if is_open(s, ring, r, low):
            return r
    return np.int64(-1)


@kernel(borrow=True)
def count_ahead(s: Any, ring: Any, w: Any) -> Any:
    """Windows by count: when window `w` begins, the one before becomes due; True if it has no place yet."""
    r = w % s[state.RING]
    if ring[r * _R + state.OPEN] == 1 and ring[r * _R + state.NUMBER] != w:
        s[state.FORCE] = 1
        return True
    before = (w - 1) % s[state.RING]
    if ring[before * _R + state.OPEN] == 1:
        s[state.DUE] = min(s[state.DUE], ring[before * _R + state.LAST] + s[state.LATENESS])
    return False


@kernel(borrow=True)
def settle_syn(s: Any, ring: Any, counts: Any, slot: Any, column: Any, side: Any) -> None:
    """Book what became of a waiting SYN, in its own window if that is still open. `side`: who had sent the SYN."""
    slot["bits"] &= np.uint32(~state.SYN_WAITS & _LOW32)
    r = place_of(s, ring, np.int64(slot["syn_window"]))
    if r >= 0:
        counts[((r * s[state.SERVICES] + np.int64(slot["syn_row"])) * 2 + side) * COUNTS + column] += 1


@kernel(borrow=True)
def settle_move(s: Any, ring: Any, counts: Any, slot: Any, end: Any, side: Any) -> None:
    """The other side answered what `end` (0 originator, 1 responder; `side` of the pair) sent in the slot's window."""
    sent, moved = np.uint32(state.SENT << end), np.uint32(state.MOVED << end)
    if slot["bits"] & sent and not slot["bits"] & moved:
        r = place_of(s, ring, np.int64(slot["window"]))
        if r >= 0:
            slot["bits"] |= moved
            counts[((r * s[state.SERVICES] + np.int64(slot["row"])) * 2 + side) * COUNTS + _C_ADVANCED] += 1


@kernel(borrow=True)
def begin_stall(s: Any, stalls: Any, slot: Any, number: Any, end: Any, side: Any, key: Any, ts: Any) -> None:
    """Start the clock of a window that has closed, if there is room for one more."""
    which = s[state.STALL_FREE]
    if which:
        s[state.STALL_FREE] = np.int64(stalls[which]["next"])
    elif s[state.STALL_USED] < len(stalls):
        which = s[state.STALL_USED]
        s[state.STALL_USED] += 1
    else:
        return
    s[state.STALL_OPEN] += 1
    stall = stalls[which]
    stall["used"] = 1
    stall["since"] = ts
    stall["slot"] = number
    stall["end"] = end
    stall["side"] = side
    stall["low_hi"] = key["low_hi"]
    stall["low_lo"] = key["low_lo"]
    stall["high_hi"] = key["high_hi"]
    stall["high_lo"] = key["high_lo"]
    stall["port"] = key["port"]
    stall["protocol"] = key["protocol"]
    stall["responder"] = key["responder"]
    if end == 0:
        slot["stall0"] = which
    else:
        slot["stall1"] = which


@kernel(borrow=True)
def stop_clock(
    s: Any, ring: Any, keys: Any, counts: Any, index: Any, place: Any, stalls: Any, slot: Any, end: Any, ts: Any
) -> None:
    """If the window of this end was closed, it is so no longer."""
    which = np.int64(slot["stall1"]) if end else np.int64(slot["stall0"])
    if which:
        end_stall(s, ring, keys, counts, index, place, stalls, which, ts)
        if end:
            slot["stall1"] = 0
        else:
            slot["stall0"] = 0


@kernel(borrow=True)
def forget(s: Any, slots: Any, stalls: Any, number: Any) -> None:
    """A slot has a new tenant."""
    slot = slots[number]
    if slot["stall0"]:
        free_stall(s, stalls, np.int64(slot["stall0"]))
    if slot["stall1"]:
        free_stall(s, stalls, np.int64(slot["stall1"]))
    slot["bits"] = 0
    slot["stall0"] = 0
    slot["stall1"] = 0


@kernel(borrow=True)
def rarer(
    s: Any,
    ring: Any,
    keys: Any,
    counts: Any,
    index: Any,
    place: Any,
    slots: Any,
    stalls: Any,
    row: Any,
    note: Any,
    r: Any,
    at: Any,
    side: Any,
    ts: Any,
    payload: Any,
) -> None:
    """Counts that most packets do not touch. `at`: where the sender's counts begin; `row`: the header."""
    events = note["events"]
    other = at + COUNTS - 2 * COUNTS * side
    if events & n.NEW:
        counts[at + _C_NEW_FLOWS] += 1
    if events & n.RETRANSMISSION:
        counts[at + _C_RETRANSMISSIONS] += 1
        counts[at + _C_RETRANSMITTED] += payload
    if events & n.SPURIOUS:
        counts[other + _C_SPURIOUS] += np.int64(note["spurious"])
    if events & n.OUT_OF_ORDER:
        counts[at + _C_OUT_OF_ORDER] += 1
    if events & n.DUPLICATE_ACK:
        counts[at + _C_DUPLICATE_ACKS] += 1
    if events & n.MISSED:
        counts[other + _C_MISSED_BYTES] += np.int64(note["missed"])
        counts[other + _C_MISSED_EVENTS] += 1
    if events & n.RST_SEEN and not events & n.UNREACHABLE:
        counts[at + _C_RESETS] += 1
    if events & n.ONE_SIDED:
        counts[at + _C_ONE_SIDED] += 1
    number = np.int64(note["slot"])
    if number < 0:
        return
    slot = slots[number]
    end = np.int64(1) if events & n.FROM_RESPONDER else np.int64(0)
    if events & n.UNREACHABLE:
        a_hi, a_lo, b_hi, b_lo = row["quoted_src_hi"], row["quoted_src_lo"], row["quoted_dst_hi"], row["quoted_dst_lo"]
        q_side = np.int64(0)
        if a_hi > b_hi or (a_hi == b_hi and a_lo > b_lo):
            a_hi, a_lo, b_hi, b_lo, q_side = b_hi, b_lo, a_hi, a_lo, np.int64(1)
        port, protocol = np.int64(row["quoted_dport"]), np.int64(row["quoted_protocol"])
        quoted = service_row(s, ring, keys, index, place, r, a_hi, a_lo, b_hi, b_lo, port, protocol, 1 - q_side)
        if quoted < 0:
            quoted = ~quoted
        counts[((r * s[state.SERVICES] + quoted) * 2 + q_side) * COUNTS + _C_UNREACHABLE] += 1
        if slot["bits"] & state.SYN_WAITS:
            settle_syn(s, ring, counts, slot, np.int64(_C_SYN_UNREACHABLE), q_side)
        return
    if events & n.SYN_SENT:
        counts[at + _C_SYN_PACKETS] += 1
        if not events & n.SYN_RETRY:
            counts[at + _C_SYN_ATTEMPTS] += 1
            asker = state.SYN_SIDE if side else 0
            slot["bits"] = (slot["bits"] & np.uint32(~state.SYN_SIDE & _LOW32)) | np.uint32(state.SYN_WAITS | asker)
            slot["syn_window"] = np.uint32(ring[r * _R + state.NUMBER] & _LOW32)
            slot["syn_row"] = at // (2 * COUNTS) - r * s[state.SERVICES]
            slot["syn_ms"] = np.uint32((ts // _MS) & _LOW32)
    elif slot["bits"] & state.SYN_WAITS and events & (n.SYN_ANSWERED | n.REFUSED):
        column = np.int64(_C_SYN_ANSWERED if events & n.SYN_ANSWERED else _C_SYN_REFUSED)
        settle_syn(s, ring, counts, slot, column, 1 - side)
    if events & (n.WINDOW_OPENED | n.ZERO_WINDOW):
        stop_clock(s, ring, keys, counts, index, place, stalls, slot, end, ts)
    if events & n.ZERO_WINDOW:
        counts[at + _C_ZERO_WINDOWS] += 1
        key = keys[at // (2 * COUNTS)]
        begin_stall(s, stalls, slot, number, end, side, key, ts)
    if events & (n.RST_SEEN | n.CLOSED):
        stop_clock(s, ring, keys, counts, index, place, stalls, slot, np.int64(0), ts)
        stop_clock(s, ring, keys, counts, index, place, stalls, slot, np.int64(1), ts)


@kernel(borrow=True)
def is_copy(row: Any, before: Any) -> Any:
    """Whether a TCP data packet is the one before it once more, too soon to have been sent again."""
    return (
        row["seq"] == before["seq"]
        and row["src_lo"] == before["src_lo"]
        and row["dst_lo"] == before["dst_lo"]
        and row["sport"] == before["sport"]
        and row["dport"] == before["dport"]
        and row["payload_length"] == before["payload_length"]
        and row["ack"] == before["ack"]
        and row["tsval"] == before["tsval"]
        and row["tcp_flags"] == before["tcp_flags"]
        and before["protocol"] == _TCP
        and 0 <= row["ts"] - before["ts"] < _MS
    )


@kernel(
    types.int64(HEADERS, HEADERS, NOTES, types.int64, I64, I64, KEYS, I64, I32, I32, SLOTS, STALL_ROWS, I32),
    borrow=True,
)
def observe(
    previous: Any,
    rows: Any,
    notes: Any,
    start: Any,
    s: Any,
    ring: Any,
    keys: Any,
    counts: Any,
    index: Any,
    place: Any,
    slots: Any,
    stalls: Any,
    listed: Any,
) -> Any:
    """Add rows[start:] to their windows until one is due; the number of the first row not taken up.

    `previous`: one row, the one before rows[0].
    `listed` int32 (2·len(rows)): (row, ring place) of packets for the DNS kernel; `s[DNS_LISTED]` says how many.
    """
    s[state.DNS_LISTED] = 0
    s[state.STOPPED] = 0
    width, per_window, old_ms = s[state.WIDTH], s[state.COUNT], s[state.OLD_MS]
    w_start = np.int64(0)  # the window that was met last: number, [start, end) and ring place
    w_end = w_start
    w = w_start
    r = np.int64(-1)
    for i in range(start, len(rows)):
        row = rows[i]
        note = notes[i]
        ts = min(max(row["ts"], -state.FAR), state.FAR)
        number = np.int64(note["slot"])
        if number >= len(slots):
            s[state.ROOM] = number + 1
            return np.int64(i)
        if ts > s[state.WATERMARK]:
            if ts >= s[state.DUE]:
                s[state.WATERMARK] = ts
                s[state.STOPPED] = 1
                return np.int64(i)
            s[state.WATERMARK] = ts
        if per_window > 0:
            w = s[state.ORDINAL] // per_window
            if s[state.ORDINAL] % per_window == 0 and count_ahead(s, ring, w):
                s[state.STOPPED] = 1
                return np.int64(i)
            if s[state.ORDINAL] % per_window == 0 and s[state.WATERMARK] >= s[state.DUE]:
                s[state.STOPPED] = 1
                return np.int64(i)
            r = enter(s, ring, w, ts)
        elif not w_start <= ts < w_end or r < 0:
            w = ts // width
            r = enter(s, ring, w, ts)
            w_start = w * width
            w_end = w_start + width
        s[state.ORDINAL] += 1
        events = note["events"]
        if number >= 0 and events & n.NEW and not events & n.UNREACHABLE:
            forget(s, slots, stalls, number)
        present = row["present"]
        if present & _DNS or (present & _QUOTED and row["quoted_dport"] == 53):
            listed[2 * s[state.DNS_LISTED]] = i
            listed[2 * s[state.DNS_LISTED] + 1] = r
            s[state.DNS_LISTED] += 1
        if r < 0:
            s[state.LATE] += 1
            continue
        here = r * _R
        ring[here + state.PACKETS] += 1
        if ts > ring[here + state.LAST]:
            ring[here + state.LAST] = ts
        elif ts < ring[here + state.FIRST]:
            ring[here + state.FIRST] = ts
        protocol = np.int64(row["protocol"])
        a_hi, a_lo, b_hi, b_lo = row["src_hi"], row["src_lo"], row["dst_hi"], row["dst_lo"]
        from_responder = np.int64(1) if events & n.FROM_RESPONDER else np.int64(0)
        side = np.int64(0)
        if a_hi > b_hi or (a_hi == b_hi and a_lo > b_lo):
            a_hi, a_lo, b_hi, b_lo, side = b_hi, b_lo, a_hi, a_lo, np.int64(1)
        elif a_hi == b_hi and a_lo == b_lo:
            side = from_responder
        own = number >= 0 and not events & n.UNREACHABLE
        low = np.uint32(w & _LOW32)
        known = False
        if own:
            slot = slots[number]
            known = (slot["bits"] & state.KNOWN) != 0 and slot["window"] == low
        if known:
            at = r * s[state.SERVICES] + np.int64(slot["row"])
            if slot["bits"] & state.DEGRADED:
                ring[here + state.OVERFLOW] += 1
        else:
            port = np.int64(0)
            responder = 1 - side
            if own:
                if present & _PORTS:
                    port = np.int64(row["sport"]) if from_responder else np.int64(row["dport"])
                if from_responder:
                    responder = side
            found = service_row(s, ring, keys, index, place, r, a_hi, a_lo, b_hi, b_lo, port, protocol, responder)
            degraded = found < 0
            if degraded:
                found = ~found
                ring[here + state.OVERFLOW] += 1
            at = r * s[state.SERVICES] + found
        payload = np.int64(row["payload_length"])
        at = (at * 2 + side) * COUNTS
        counts[at + _C_PACKETS] += 1
        counts[at + _C_BYTES] += np.int64(row["ip_length"])
        counts[at + _C_PAYLOAD] += payload
        if events & n.DATA:
            counts[at + _C_DATA] += 1
            if is_copy(row, rows[i - 1] if i else previous[0]):
                counts[at + _C_COPIES] += 1
        direction = row["direction"]
        if direction == frames.OUT:
            counts[at + _C_OUT] += 1
        elif direction == frames.IN:
            counts[at + _C_IN] += 1
        if events & n.ACK_ADVANCED:
            counts[at + COUNTS - 2 * COUNTS * side + _C_ACKED] += np.int64(note["acked"])
        if own:
            tcp = protocol == _TCP
            if not tcp or events & n.ACK_ADVANCED:
                settle_move(s, ring, counts, slot, 1 - from_responder, 1 - side)
            current = known
            if not known and (not slot["bits"] & state.KNOWN or np.int32(low - slot["window"]) > 0):
                slot["bits"] = (slot["bits"] & np.uint32(~state.IN_WINDOW & _LOW32)) | np.uint32(state.KNOWN)
                if degraded:
                    slot["bits"] |= np.uint32(state.DEGRADED)
                slot["window"] = low
                slot["row"] = found
                current = True
            sent = np.uint32(state.SENT << from_responder)
            data = (events & n.DATA) != 0 if tcp else payload > 0
            if current and data and np.int64(note["age"]) >= old_ms and not slot["bits"] & sent:
                slot["bits"] |= sent
                counts[at + _C_ESTABLISHED] += 1
        if events & _QUIET:
            rarer(s, ring, keys, counts, index, place, slots, stalls, row, note, r, at, side, ts, payload)
    return np.int64(len(rows))


@kernel(types.void(types.int64, I64, I64, KEYS, I64, I32, I32, SLOTS, STALL_ROWS), borrow=True)
def seal(r: Any, s: Any, ring: Any, keys: Any, counts: Any, index: Any, place: Any, slots: Any, stalls: Any) -> None:
    """Add to the window in place `r`, which is about to close, the closed receive windows that outlast it."""
    start = ring[r * _R + state.NUMBER] * s[state.WIDTH]
    end = start + s[state.WIDTH]
    for which in range(1, s[state.STALL_USED]):
        stall = stalls[which]
        if stall["used"] == 0:
            continue
        if end - stall["since"] > s[state.STALL_LIMIT]:
            if stall["end"]:
                slots[stall["slot"]]["stall1"] = 0
            else:
                slots[stall["slot"]]["stall0"] = 0
            free_stall(s, stalls, np.int64(which))
            continue
        part = min(end, s[state.WATERMARK]) - max(stall["since"], start)
        if part > 0:
            book_stall(s, ring, keys, counts, index, place, stall, r, part)
