"""What most packets do not do: handshakes, losses, resets, ICMP errors and closed windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections import notes as n
from wireverdict.kernels import kernel
from wireverdict.windows import state
from wireverdict.windows.stalls import begin_stall, stop_clock
from wireverdict.windows.tables import place_of, service_row, trouble_row

_TROUBLES = n.RETRANSMISSION | n.SPURIOUS | n.OUT_OF_ORDER | n.DUPLICATE_ACK | n.MISSED | n.RST_SEEN | n.ZERO_WINDOW
_OF_CONNECTION = n.UNREACHABLE | n.SYN_SENT | n.SYN_ANSWERED | n.REFUSED | n.WINDOW_OPENED | n.ZERO_WINDOW | n.RST_SEEN
RARER = _TROUBLES | _OF_CONNECTION
"""Events without which a packet needs none of this, unless its connection is CLOSED with a stall open."""


_MS = 1_000_000


@kernel(borrow=True)
def settle_syn(
    s: Any, ring: Any, flows: Any, trouble_of: Any, troubles: Any, slot: Any, r: Any, events: Any, side: Any
) -> None:
    """Book what became of a waiting SYN, in its own window if that is still open. `side`: who had sent the SYN."""
    slot.bits &= ~state.SYN_WAITS & state.LOW32
    r = place_of(s, ring, r, slot.syn_window)
    if r < 0:
        return
    row = np.int64(slot.syn_row)
    if events & n.SYN_ANSWERED:
        flows[2 * (r * s[state.SERVICES] + row) + side].syn_answered += 1
        return
    t = troubles[trouble_row(s, ring, troubles, trouble_of, r, row) + side]
    if events & n.UNREACHABLE:
        t.syn_unreachable += 1
    else:
        t.syn_refused += 1


@kernel(borrow=True)
def count_trouble(
    s: Any, ring: Any, trouble_of: Any, troubles: Any, note: Any, r: Any, row: Any, side: Any, payload: Any
) -> None:
    """Losses, repeats, resets and closed windows of one packet."""
    events = note.events
    at = trouble_row(s, ring, troubles, trouble_of, r, row)
    t, other = troubles[at + side], troubles[at + 1 - side]
    if events & n.RETRANSMISSION:
        t.retransmissions += 1
        t.retransmitted += payload
    if events & n.SPURIOUS:
        other.spurious += note.spurious
    if events & n.OUT_OF_ORDER:
        t.out_of_order += 1
    if events & n.DUPLICATE_ACK:
        t.duplicate_acks += 1
    if events & n.MISSED:
        other.missed_bytes += note.missed
        other.missed_events += 1
        ring[r].missed_bytes += note.missed
        ring[r].missed_events += 1
    if events & n.RST_SEEN:
        t.resets += 1
    if events & n.ZERO_WINDOW and note.slot >= 0:
        t.zero_windows += 1


@kernel(borrow=True)
def quoted_error(
    s: Any, ring: Any, keys: Any, index: Any, sent: Any, flows: Any, trouble_of: Any, troubles: Any,
    slots: Any, header: Any, note: Any, r: Any,
) -> None:  # fmt: skip
    """What an ICMP error says of the connection that it quotes, in the window in ring place `r`."""
    a_hi, a_lo, b_hi, b_lo = header.quoted_src_hi, header.quoted_src_lo, header.quoted_dst_hi, header.quoted_dst_lo
    asker = np.int64(0)
    if a_hi > b_hi or (a_hi == b_hi and a_lo > b_lo):
        a_hi, a_lo, b_hi, b_lo, asker = b_hi, b_lo, a_hi, a_lo, np.int64(1)
    quoted = service_row(
        s, ring, keys, index, sent, flows, trouble_of, r, a_hi, a_lo, b_hi, b_lo,
        np.int64(header.quoted_dport), np.int64(header.quoted_protocol), 1 - asker,
    )  # fmt: skip
    if quoted < 0:
        quoted = ~quoted
    troubles[trouble_row(s, ring, troubles, trouble_of, r, quoted) + asker].unreachable += 1
    number = np.int64(note.missed)
    if number < len(slots) and slots[number].bits & state.SYN_WAITS:
        settle_syn(s, ring, flows, trouble_of, troubles, slots[number], r, np.int64(n.UNREACHABLE), asker)


@kernel(inline=True, borrow=True)
def rarer(
    s: Any, ring: Any, keys: Any, index: Any, sent: Any, flows: Any, trouble_of: Any, troubles: Any,
    slots: Any, stalls: Any, header: Any, note: Any, r: Any, row: Any, side: Any, ts: Any,
) -> None:  # fmt: skip
    """Counts that most packets do not touch. `row`: the service in ring place `r`; `side`: the sender's."""
    events = note.events
    at = 2 * (r * s[state.SERVICES] + row) + side
    if events & _TROUBLES:
        count_trouble(s, ring, trouble_of, troubles, note, r, row, side, header.payload_length)
    if events & n.UNREACHABLE:
        quoted_error(s, ring, keys, index, sent, flows, trouble_of, troubles, slots, header, note, r)
    number = np.int64(note.slot)
    if number < 0 or not events & (_OF_CONNECTION | n.CLOSED):
        return
    slot = slots[number]
    if events & n.SYN_SENT:
        if events & n.SYN_RETRY:
            troubles[trouble_row(s, ring, troubles, trouble_of, r, row) + side].syn_retries += 1
        else:
            flows[at].syn_attempts += 1
            asked = state.SYN_WAITS | state.SYN_SIDE if side else state.SYN_WAITS
            slot.bits = (slot.bits & (~state.SYN_SIDE & state.LOW32)) | asked
            slot.syn_window = ring[r].number
            slot.syn_row = row
            slot.syn_ms = ts // _MS
    elif slot.bits & state.SYN_WAITS and events & (n.SYN_ANSWERED | n.REFUSED):
        settle_syn(s, ring, flows, trouble_of, troubles, slot, r, events, 1 - side)
    end = np.int64(1) if events & n.FROM_RESPONDER else np.int64(0)
    if events & (n.WINDOW_OPENED | n.ZERO_WINDOW) and (slot.stall0 or slot.stall1):
        stop_clock(s, ring, keys, index, sent, flows, trouble_of, troubles, stalls, slot, end, ts)
    if events & n.ZERO_WINDOW:
        begin_stall(s, stalls, slot, number, end, side, keys[r * s[state.SERVICES] + row], ts)
    if events & (n.RST_SEEN | n.CLOSED) and (slot.stall0 or slot.stall1):
        for either in range(2):
            stop_clock(s, ring, keys, index, sent, flows, trouble_of, troubles, stalls, slot, either, ts)
