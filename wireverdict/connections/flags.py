"""The flags that a connection's own counts decide. bufferbloat and policed are judged by wireverdict.paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections.layout import (
    GOT_REFUSED,
    GOT_UNREACHABLE,
    NEVER_ANSWERED,
    ORIGINATOR_COPIED,
    ORIGINATOR_RESET,
    RESET,
    RESPONDER_COPIED,
    SYN_START,
)
from wireverdict.headers import TCP
from wireverdict.kernels import kernel, types
from wireverdict.records import CONNECTION, Flag, Reason

STORM_PACKETS = 10  # retransmissions, not counting those proven needless or only captured twice
STORM_SHARE = 10  # one in so many payload bytes sent again: far beyond what congestion control lives with

BUFFERBLOAT, POLICED, THROTTLED, STORM, ZERO, FAILED, WAS_RESET, ONE_SIDED, LOSS, UNREACHABLE = (1 << f for f in Flag)
JUDGED = BUFFERBLOAT | POLICED | THROTTLED
PLACES = len(Flag)
NOT_TCP, ONE_DIRECTION, TOO_FEW, NOT_FROM_START = (
    int(why) for why in (Reason.NOT_TCP, Reason.ONE_DIRECTION, Reason.TOO_FEW_SAMPLES, Reason.NOT_SEEN_FROM_START)
)


@kernel(inline=True, borrow=True)
def storm(repeats: Any, needless: Any, sent_again: Any, payload: Any) -> Any:
    """Whether so many retransmissions, less those proven needless, and their bytes among all payload took over."""
    enough = repeats - min(needless, repeats) >= STORM_PACKETS
    return enough and sent_again * np.uint64(STORM_SHARE) >= payload


@kernel(inline=True, borrow=True)
def storming(side: Any) -> Any:
    """Whether they took over in a direction (SIDE)."""
    repeats, needless = np.int64(side.retransmissions), np.int64(side.spurious_retransmissions)
    return storm(repeats, needless, side.retransmitted_bytes, side.payload_bytes)


@kernel(types.void(types.from_dtype(CONNECTION)[::1], types.uint16[::1], types.uint8[::1]), borrow=True)
def fill_flags(records: Any, bits: Any, answers: Any) -> None:
    """Set flags and reasons of records (CONNECTION, shape (n,)), from the table's bits and the responder's state.

    What each flag means, and when it is null, is in docs/definitions.md.
    """
    for k in range(len(records)):
        r = records[k]
        source, destination = r.source, r.destination
        one_sided = source.packets == 0 or destination.packets == 0
        known = UNREACHABLE | ONE_SIDED
        true = 0
        if bits[k] & GOT_UNREACHABLE:
            true |= UNREACHABLE
        if r.protocol != TCP:
            if one_sided:
                true |= ONE_SIDED
            for flag in range(PLACES):
                r.reasons[flag] = np.uint8(0 if known >> flag & 1 else NOT_TCP)
        else:
            from_start = bits[k] & SYN_START != 0
            # an attempt that nobody answered is an observation; else one direction is a matter of the vantage point
            blind = one_sided and not (from_start and destination.packets == 0)
            known |= WAS_RESET
            blank = ONE_DIRECTION if one_sided else TOO_FEW
            if blind:
                true |= ONE_SIDED
            if bits[k] & ORIGINATOR_RESET or answers[k] == RESET:
                true |= WAS_RESET
            if from_start:
                known |= FAILED
                if bits[k] & (NEVER_ANSWERED | GOT_REFUSED):
                    true |= FAILED
            if source.zero_windows or destination.zero_windows:
                true |= ZERO
            if true & ZERO or not blind:
                known |= ZERO
            if source.missed_bytes or destination.missed_bytes:
                true |= LOSS
            if true & LOSS or not one_sided:
                known |= LOSS
            if (storming(source) and not bits[k] & ORIGINATOR_COPIED) or (
                storming(destination) and not bits[k] & RESPONDER_COPIED
            ):
                true |= STORM
            if true & STORM or (not blind and (source.payload_bytes or destination.payload_bytes)):
                known |= STORM
            for flag in range(PLACES):
                bit = 1 << flag
                why = 0
                if not known & bit:
                    if bit & JUDGED:
                        why = blank
                    elif bit == FAILED:
                        why = NOT_FROM_START
                    elif bit == STORM:
                        why = ONE_DIRECTION if blind else TOO_FEW
                    else:
                        why = ONE_DIRECTION
                r.reasons[flag] = np.uint8(why)
        r.flags_known = np.uint32(known)
        r.flags_true = np.uint32(true)
