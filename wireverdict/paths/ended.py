"""Flags of connections that have ended: what was kept of them is read, and their records are written, in one pass each."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel, types
from wireverdict.paths.layout import DEPARTED, FALSE, ORIGINATOR_HIGH, TRUE
from wireverdict.paths.observe import I4, I8, MEMBERS, SLOTS
from wireverdict.records import CONNECTION, Flag, Reason

I64, I8_2, U1 = types.int64, types.int64[:, ::1], types.uint8[::1]
RECORDS = types.from_dtype(CONNECTION)[::1]
BUFFERBLOAT, POLICED, THROTTLED = (int(flag) for flag in (Flag.BUFFERBLOAT, Flag.POLICED, Flag.THROTTLED))
NONE, TOO_FEW, UNDECIDED = (int(why) for why in (Reason.NONE, Reason.TOO_FEW_SAMPLES, Reason.UNDECIDED))


@kernel(I64(I4, RECORDS, SLOTS, MEMBERS, I8, I8, I8_2, U1), borrow=True)
def collect(
    ended: Any, records: Any, slots: Any, members: Any, held: Any, rows: Any, repeats: Any, answers: Any
) -> Any:
    """Those of the ended connections (rows of their table, and CONNECTION[n]) that are members; how many.

    held[i], rows[i]: place in `records`, row in `members`. repeats[i]: needed packets sent again by direction.
    answers[i]: what closed windows said of policing; a last window's answer counts if there were packets after it.
    """
    many = np.int64(0)
    for k in range(len(ended)):
        row = np.int64(slots[np.int64(ended[k])].member) - 1
        if row < 0:
            continue
        m, r = members[row], records[k]
        if m.last_event > m.judged_event:
            m.policed = np.uint8(m.policed | m.pending)
            m.pending = 0
        high = 1 if m.bits & ORIGINATOR_HIGH else 0
        a = np.int64(r.source.retransmissions) - np.int64(r.source.spurious_retransmissions)
        b = np.int64(r.destination.retransmissions) - np.int64(r.destination.spurious_retransmissions)
        repeats[many, high] = max(a, np.int64(0))
        repeats[many, 1 - high] = max(b, np.int64(0))
        held[many], rows[many], answers[many] = k, row, m.policed
        many += 1
    return many


@kernel(inline=True, borrow=True)
def tell(r: Any, flag: Any, true: Any, false: Any, reason: Any) -> None:
    """Write a three-valued flag of a record; a reason only where the tracker has not given a better one."""
    if true or false:
        r.flags_known = np.uint32(r.flags_known | (1 << flag))
        if true:
            r.flags_true = np.uint32(r.flags_true | (1 << flag))
        r.reasons[flag] = NONE
    elif r.reasons[flag] == TOO_FEW:
        r.reasons[flag] = reason


@kernel(types.void(I4, RECORDS, SLOTS, MEMBERS, I8, I8, I8_2, U1, U1, I64, U1, U1), borrow=True)
def settle(
    ended: Any, records: Any, slots: Any, members: Any, held: Any, rows: Any, repeats: Any, answers: Any, unsure: Any,
    clean_bytes: Any, bloated: Any, reasons: Any,
) -> None:  # fmt: skip
    """Write the flags of the members that `collect` found, and let go of them.

    `answers`: of policing, TRUE or FALSE << 2 · direction; `unsure`: 1 where policing could not be told from other causes.
    `clean_bytes`: payload from which a connection without repeats was not policed. `bloated`: TRUE, FALSE or 0, and
    `reasons` for 0.
    """
    for i in range(len(rows)):
        m, r = members[rows[i]], records[held[i]]
        answer = answers[i]
        true = (answer & (TRUE | TRUE << 2)) != 0
        low, high = repeats[i, 0], repeats[i, 1]
        if low == 0 and high == 0:
            carried = max(np.int64(r.source.payload_bytes), np.int64(r.destination.payload_bytes))
            false = not true and carried >= clean_bytes
        else:
            false = not true and (low == 0 or (answer & FALSE) != 0) and (high == 0 or (answer & (FALSE << 2)) != 0)
        tell(r, POLICED, true, false, UNDECIDED if unsure[i] else TOO_FEW)
        if true:
            r.flags_true = np.uint32(r.flags_true | (1 << THROTTLED))
            r.flags_known = np.uint32(r.flags_known | (1 << THROTTLED))
            r.reasons[THROTTLED] = NONE
        tell(r, BUFFERBLOAT, bloated[i] == TRUE, bloated[i] == FALSE, reasons[i])
        slots[np.int64(ended[held[i]])].member = 0
        m.slot = -1
        m.bits = np.uint8(m.bits | DEPARTED)
