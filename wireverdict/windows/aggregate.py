"""The kernel that adds headers to open windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict import frames, headers
from wireverdict.connections import notes as n
from wireverdict.headers import HEADER
from wireverdict.kernels import kernel, types
from wireverdict.kernels.prefetch import prefetch
from wireverdict.windows import state
from wireverdict.windows.events import RARER, quoted_error, rarer
from wireverdict.windows.fields import SERVICE_KEY
from wireverdict.windows.stalls import book_stall, free_stall
from wireverdict.windows.tables import (
    count_ahead,
    enter,
    hash_service,
    open_place,
    place_of,
    service_row,
    trouble_row,
)

_TCP, _PORTS, _DNS, _QUOTED = headers.TCP, headers.PORTS, headers.DNS, headers.QUOTED
_COPY, _QUOTED_ONLY = headers.COPY, headers.QUOTED_ONLY

BLOCK = 32
"""Packets whose memory is asked for at once: enough to cover the latency, few enough to be still cached when used."""

row_of = types.from_dtype
HEADERS, NOTES, KEYS = row_of(HEADER)[::1], row_of(n.NOTE)[::1], row_of(SERVICE_KEY)[::1]
PLACES, SENT, FLOWS, TROUBLES = (row_of(t)[::1] for t in (state.PLACE, state.SENT, state.FLOWS, state.TROUBLE))
SLOTS, STALL_ROWS = row_of(state.SLOT)[::1], row_of(state.STALL)[::1]
I64, I32, U32 = types.int64[::1], types.int32[::1], types.uint32[::1]


@kernel(borrow=True)
def fetch_ahead(
    rows: Any, notes: Any, start: Any, stop: Any, s: Any, keys: Any, index: Any, sent: Any, flows: Any, slots: Any,
    r: Any, low: Any, ahead: Any,
) -> None:  # fmt: skip
    """Ask for what rows[start:stop] will need if they belong to the window in place `r` whose number ends in `low`."""
    base = r * s[state.SERVICES]
    flowing = n.NEW | n.ONE_SIDED | n.SYN_ANSWERED | n.SYN_SENT
    if rows[start].direction:  # as a rule known of all packets or of none
        flowing = state.LOW32
    many = 0
    for i in range(start, stop):
        prefetch(slots, np.int64(notes[i].slot), 0)
    for i in range(start, stop):
        number = np.int64(notes[i].slot)
        if not 0 <= number < len(slots):
            continue
        slot = slots[number]
        events = notes[i].events
        if slot.bits & state.KNOWN and slot.window == low and not events & n.NEW:
            at = 2 * (base + slot.row)
            prefetch(sent, at, 0)
            if events & flowing:
                prefetch(flows, at, 0)
            continue
        row = rows[i]
        a_hi, a_lo, b_hi, b_lo = row.src_hi, row.src_lo, row.dst_hi, row.dst_lo
        side = 0
        if a_hi > b_hi or (a_hi == b_hi and a_lo > b_lo):
            a_hi, a_lo, b_hi, b_lo, side = b_hi, b_lo, a_hi, a_lo, 1
        port, responder = np.int64(row.dport), 1 - side
        if events & n.FROM_RESPONDER:
            port, responder = np.int64(row.sport), side
        h = hash_service(a_hi, a_lo, b_hi, b_lo, port, np.int64(row.protocol), responder)
        cell = r * s[state.INDEX] + (np.int64(h) & (s[state.INDEX] - 1))
        prefetch(index, cell, 0)
        ahead[many] = cell
        many += 1
    for k in range(many):
        at = base + (np.int64(index[ahead[k]]) & 0xFFFFFF)
        prefetch(keys, at, 0)
        prefetch(sent, 2 * at, 0)
        prefetch(flows, 2 * at, 0)


@kernel(
    types.int64(
        I64,
        HEADERS,
        NOTES,
        types.int64,
        I64,
        PLACES,
        KEYS,
        U32,
        SENT,
        FLOWS,
        I32,
        TROUBLES,
        SLOTS,
        STALL_ROWS,
        I32,
        I64,
    ),
    borrow=True,
)
def observe(
    clock: Any, rows: Any, notes: Any, start: Any, s: Any, ring: Any, keys: Any, index: Any, sent: Any, flows: Any,
    trouble_of: Any, troubles: Any, slots: Any, stalls: Any, listed: Any, ahead: Any,
) -> Any:  # fmt: skip
    """Add rows[start:] to their windows until one is due; the number of the first row not taken up.

    `clock` int64 (len(rows)): time of the whole timeline at each row, ns; empty: `rows` are the whole timeline.
    `listed` int32 (2·len(rows)): (row, ring place) of packets for the DNS kernel; `s[DNS_LISTED]` says how many.
    `ahead`: scratch room for BLOCK numbers.
    """
    width, per_window, old_ms, services = s[state.WIDTH], s[state.COUNT], s[state.OLD_MS], s[state.SERVICES]
    listed_count = np.int64(0)
    now, ordinal = s[state.WATERMARK], s[state.ORDINAL]
    w_start = np.int64(0)  # the window that was met last: number, [start, end) and ring place
    w_end = w_start
    w = w_start
    r = np.int64(-1)
    done = np.int64(len(rows))
    for i in range(start, len(rows)):
        row = rows[i]
        note = notes[i]
        ts = min(max(row.ts, -state.FAR), state.FAR)
        number = np.int64(note.slot)
        if number >= len(slots):
            s[state.ROOM] = number + 1
            done = np.int64(i)
            break
        time = ts
        if len(clock):
            time = min(max(clock[i], -state.FAR), state.FAR)
        if time > now:
            if now == state.NO_WINDOW and per_window == 0:
                s[state.DUE] = ((time - s[state.LATENESS]) // width + 1) * width + s[state.LATENESS]
            now = time
            s[state.WATERMARK] = now
            if time >= s[state.DUE]:
                done = np.int64(i)
                break
        if per_window > 0:
            w = ordinal // per_window
            if ordinal % per_window == 0 and count_ahead(s, ring, w):
                done = np.int64(i)
                break
            r = enter(s, ring, sent, flows, trouble_of, w, ts)
        elif not w_start <= ts < w_end or r < 0:
            w = ts // width
            r = enter(s, ring, sent, flows, trouble_of, w, ts)
            w_start = w * width
            w_end = w_start + width
        low = np.uint32(w & state.LOW32)
        if (i - start) % BLOCK == 0 and r >= 0:
            stop = min(i + BLOCK, len(rows))
            fetch_ahead(rows, notes, i, stop, s, keys, index, sent, flows, slots, r, low, ahead)
        ordinal += 1
        events = note.events
        own = number >= 0
        slot = slots[max(number, 0)]
        if own and events & n.NEW:  # a slot has a new tenant
            if slot.stall0 or slot.stall1:
                free_stall(s, stalls, slot, np.int64(0))
                free_stall(s, stalls, slot, np.int64(1))
            slot.bits = 0
        present = row.present
        if present & (_DNS | _QUOTED) and (present & _DNS or row.quoted_dport == 53):
            listed[2 * listed_count] = i
            listed[2 * listed_count + 1] = r
            listed_count += 1
        if present & _QUOTED_ONLY:
            if r >= 0 and events & n.UNREACHABLE:
                quoted_error(s, ring, keys, index, sent, flows, trouble_of, troubles, slots, row, note, r)
            continue
        if r < 0:
            s[state.LATE] += 1
            continue
        p = ring[r]
        p.packets += 1
        p.last = max(p.last, ts)
        p.first = min(p.first, ts)
        tcp = row.protocol == _TCP
        end = np.int64((events & n.FROM_RESPONDER) != 0)
        a_hi, a_lo, b_hi, b_lo = row.src_hi, row.src_lo, row.dst_hi, row.dst_lo
        side = np.int64((a_hi > b_hi) | ((a_hi == b_hi) & (a_lo > b_lo)))
        if a_lo == b_lo and a_hi == b_hi:
            side = end
        known = own and slot.bits & state.KNOWN and slot.window == low
        current = known
        if known:
            found = np.int64(slot.row)
            degraded = (slot.bits & state.DEGRADED) != 0
        else:
            if side and (a_lo != b_lo or a_hi != b_hi):
                a_hi, a_lo, b_hi, b_lo = b_hi, b_lo, a_hi, a_lo
            port = np.int64(0)
            responder = 1 - side
            if own:
                if present & _PORTS:
                    port = np.int64(row.sport) if end else np.int64(row.dport)
                if end:
                    responder = side
            found = service_row(
                s, ring, keys, index, sent, flows, trouble_of, r,
                a_hi, a_lo, b_hi, b_lo, port, np.int64(row.protocol), responder,
            )  # fmt: skip
            degraded = found < 0
            if degraded:
                found = ~found
        payload = np.int64(row.payload_length)
        data = np.int64((events & n.DATA) != 0)
        at = 2 * (r * services + found) + side
        mine = sent[at]
        mine.packets += 1
        mine.bytes += row.ip_length
        mine.payload += payload
        mine.data += data
        p.data_packets += data
        if degraded:
            p.overflow += 1
        elif tcp:
            p.tcp_packets += 1
            p.tcp_payload += payload
        if data and present & _COPY:
            copied = trouble_row(s, ring, troubles, trouble_of, r, found) + side
            troubles[copied].copies += 1
        if row.direction == frames.OUT:
            flows[at].sent_out += 1
        elif row.direction == frames.IN:
            flows[at].sent_in += 1
        moves = (events & n.ACK_ADVANCED) != 0
        if moves:
            sent[at + 1 - 2 * side].acked += note.acked
        if own:
            answered = (slot.bits >> (1 - end)) & (state.SENT_DATA | state.MOVED)
            if answered == state.SENT_DATA and (moves or not tcp):
                # the other side's data in the slot's window is answered now
                then = place_of(s, ring, r, slot.window)
                if then >= 0:
                    slot.bits |= state.MOVED << (1 - end)
                    flows[2 * (then * services + slot.row) + 1 - side].advanced += 1
            if not known and (not slot.bits & state.KNOWN or np.int32(low - slot.window) > 0):
                slot.bits = (slot.bits & state.OUTSIDE_WINDOW) | (
                    state.KNOWN | state.DEGRADED if degraded else state.KNOWN
                )
                slot.window = low
                slot.row = found
                current = True
            if current and note.age >= old_ms and not slot.bits & (state.SENT_DATA << end):
                talks = data if tcp else np.int64(payload > 0)
                if talks:
                    slot.bits |= state.SENT_DATA << end
                    flows[at].established += 1
        if events & (n.NEW | n.ONE_SIDED):
            flows[at].new_flows += (events & n.NEW) != 0
            if events & n.ONE_SIDED:
                flows[at].one_sided += 1
                p.one_sided += tcp
        if events & RARER or (events & n.CLOSED and own and (slot.stall0 or slot.stall1)):
            rarer(s, ring, keys, index, sent, flows, trouble_of, troubles, slots, stalls, row, note, r, found, side, ts)
    s[state.ORDINAL] = ordinal
    s[state.DNS_LISTED] = listed_count
    return done


@kernel(types.int64(types.int64, I64, PLACES, KEYS, U32, SENT, FLOWS, I32, TROUBLES, SLOTS, STALL_ROWS), borrow=True)
def seal(
    number: Any, s: Any, ring: Any, keys: Any, index: Any, sent: Any, flows: Any, trouble_of: Any, troubles: Any,
    slots: Any, stalls: Any,
) -> Any:  # fmt: skip
    """Add to window `number`, which is about to close, the closed receive windows that outlast it.

    It need not be open: others' packets may have made it a window in another shard. 1 if it is open now.
    """
    start = number * s[state.WIDTH]
    end = start + s[state.WIDTH]
    r = number % s[state.RING]
    for which in range(1, s[state.STALL_USED]):
        stall = stalls[which]
        if stall.used == 0:
            continue
        if end - stall.since > s[state.STALL_LIMIT]:
            free_stall(s, stalls, slots[stall.slot], np.int64(stall.end))
            continue
        part = min(end, s[state.WATERMARK]) - max(stall.since, start)
        if part > 0:
            if ring[r].open == 0:
                open_place(s, ring, sent, flows, trouble_of, number, start)
            book_stall(s, ring, keys, index, sent, flows, trouble_of, troubles, stall, r, part)
    return np.int64(ring[r].open == 1 and ring[r].number == number)


@kernel(types.void(I32, I64, SLOTS, STALL_ROWS), borrow=True)
def leave(rows: Any, s: Any, slots: Any, stalls: Any) -> None:
    """Connections of these rows have ended and been collected: what waited for their packets waits no more.

    Without this it would wait until another connection takes the row, and so hang on others' packets.
    """
    for k in range(-BLOCK, len(rows)):
        if k + BLOCK < len(rows):
            prefetch(slots, np.int64(rows[k + BLOCK]), 0)
        if k < 0 or rows[k] >= len(slots):
            continue
        slot = slots[np.int64(rows[k])]
        if slot.bits & state.SYN_WAITS:
            slot.bits &= ~state.SYN_WAITS & state.LOW32
        if slot.stall0 or slot.stall1:
            free_stall(s, stalls, slot, np.int64(0))
            free_stall(s, stalls, slot, np.int64(1))
