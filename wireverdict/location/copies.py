"""Each transmission of each piece of data, followed from the sensor nearer to its sender to the one nearer to its receiver.

Data are cut into *pieces* at every boundary of every segment, so that segments which were cut or merged on the way
(offloads) can be compared. A *copy* is one transmission of one piece. What became of a copy that passed the near sensor
is one of the fates below. Times are of the far sensor's clock. Nothing is said of what the far sensor's own capture may
have missed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel, types

ARRIVED = 0  # it passed both sensors, and was not sent again, or not for want of it
BETWEEN = 1  # it passed the near sensor and not the far one
AFTER = 2  # it passed both, and its receiver asked for it again
UNCLEAR = 3  # it was sent again, and neither that it was lost nor that it was not can be told
MISSED = 4  # its receiver had it, and the far sensor has not: the far sensor's capture is at fault
BEYOND = 5  # the far sensor was not capturing when it should have come by
NEVER = np.iinfo(np.int64).max

TIMES, NUMBERS, STAMPS, FATES = types.int64[::1], types.int64[::1], types.uint32[::1], types.uint8[::1]
I64 = types.int64


@kernel(I64(NUMBERS, TIMES, STAMPS, NUMBERS, TIMES, STAMPS, I64, NUMBERS, NUMBERS), borrow=True)
def pair_copies(
    near_start: Any,
    near_ts: Any,
    near_stamp: Any,
    far_start: Any,
    far_ts: Any,
    far_stamp: Any,
    slack: Any,
    met: Any,
    came: Any,
) -> Any:
    """Which copy at the far sensor is which at the near one. Returns how many the near sensor must have missed.

    Piece p has the copies ``near_start[p]`` to ``near_start[p + 1]`` at the near sensor and likewise at the far one, in
    order of time (`…_ts`, ns; `…_stamp`: TSval, 0 for none). Written: for each near copy the place of the far one in
    `met`, for each far copy the place of the near one in `came`, -1 for none, -2 for a repeat of one that has been met
    (duplicated on the way). With timestamps a copy is known by its TSval, the oldest first; without, it is the latest
    that was sent before. `slack`: ns that a copy may seem to arrive before it was sent.
    """
    missed: Any = np.int64(0)
    met[:] = -1
    came[:] = -1
    for p in range(len(near_start) - 1):
        first, last = near_start[p], near_start[p + 1]
        for f in range(far_start[p], far_start[p + 1]):
            found: Any = np.int64(-1)
            repeats = False
            for n in range(first, last):
                if near_ts[n] > far_ts[f] + slack:
                    break
                timed = near_stamp[n] != 0 and far_stamp[f] != 0
                if timed and near_stamp[n] != far_stamp[f]:
                    continue
                if met[n] >= 0:
                    repeats = True
                    continue
                found = n
                if timed:
                    break
            if found >= 0:
                met[found] = f
                came[f] = found
            elif repeats:
                came[f] = -2
            else:
                missed += 1
    return missed


@kernel(types.void(NUMBERS, NUMBERS, TIMES, NUMBERS, NUMBERS, TIMES, TIMES), borrow=True)
def mark_blocks(bounds: Any, first: Any, ts: Any, last: Any, repeats: Any, had: Any, repeated: Any) -> None:
    """Write what SACK blocks say of pieces: the first time of each in `had`, the last report of a repeat (DSACK) in
    `repeated`.

    Block k covers the pieces ``first[k]`` to ``last[k]`` and came at ``ts[k]`` (in order); ``repeats[k]``: it is a DSACK.
    `bounds`: of the pieces, one more than there are.
    """
    pieces = len(bounds) - 1
    for k in range(len(first)):
        for p in range(max(first[k], 0), min(last[k], pieces)):
            if repeats[k]:
                repeated[p] = max(repeated[p], ts[k])
            else:
                had[p] = min(had[p], ts[k])


@kernel(inline=True, borrow=True)
def first_after(times: Any, ts: Any) -> Any:
    """The place of the first of some times, which never fall, that is later than `ts`; their number if none is."""
    low, high = 0, len(times)
    while low < high:
        middle = (low + high) // 2
        if times[middle] <= ts:
            low = middle + 1
        else:
            high = middle
    return low


@kernel(inline=True, borrow=True)
def highest_before(top_ts: Any, top: Any, ts: Any) -> Any:
    """The highest data that had passed by a time; `top` never falls."""
    low = first_after(top_ts, ts)
    return top[low - 1] if low else np.int64(NEVER)


@kernel(inline=True, borrow=True)
def asked_again(
    after: Any, before: Any, left: Any, right: Any, top: Any, ack_ts: Any, ack: Any, block_left: Any, block_right: Any
) -> Any:
    """Whether, between two times, the receiver said that it has data sent after [left, right), and not that."""
    for k in range(first_after(ack_ts, after), len(ack_ts)):
        if ack_ts[k] > before or ack[k] > left:
            return False
        for b in range(2 * k, 2 * k + 2):
            if block_left[b] >= right and block_right[b] > max(top, block_left[b]):
                return True
    return False


@kernel(
    types.void(
        NUMBERS, TIMES, STAMPS, NUMBERS, TIMES, NUMBERS, NUMBERS, NUMBERS, NUMBERS,
        TIMES, STAMPS, TIMES, TIMES, NUMBERS, TIMES, NUMBERS, NUMBERS, NUMBERS, I64, I64, I64, FATES,
    ),
    borrow=True,
)  # fmt: skip
def judge_copies(
    near_start: Any,
    near_ts: Any,
    near_stamp: Any,
    far_start: Any,
    far_ts: Any,
    met: Any,
    came: Any,
    left: Any,
    right: Any,
    had: Any,
    echo: Any,
    repeated: Any,
    top_ts: Any,
    top: Any,
    ack_ts: Any,
    ack: Any,
    block_left: Any,
    block_right: Any,
    begin: Any,
    end: Any,
    quick: Any,
    fate: Any,
) -> None:
    """What became of each near copy; written to `fate`.

    Of the pieces: `left`, `right` (sequence numbers, unwrapped), `had` (ns, when the far sensor first saw an
    acknowledgement of it, by number or SACK; NEVER), `echo` (TSecr of that, if it was by number; 0), `repeated` (see
    `mark_blocks`; -1). `top_ts`, `top`: times of far transmissions and the highest number so far. `ack_ts`, `ack`,
    `block_left`, `block_right` (two for each): acknowledgements at the far sensor; equal ends are no block. `begin`,
    `end` ns: between which the far sensor would have seen it. `quick` ns: the least from the far sensor to the receiver
    and back. The rest as in `pair_copies`.
    """
    for p in range(len(near_start) - 1):
        first_far, last_far = far_start[p], far_start[p + 1]
        unseen = had[p] != NEVER and (first_far == last_far or far_ts[first_far] > had[p])
        blamed: Any = np.int64(-1)
        for n in range(near_start[p], near_start[p + 1]):
            if unseen and met[n] < 0 and near_ts[n] <= had[p]:
                blamed = n
        earlier = False  # whether a copy before it has passed both
        for n in range(near_start[p], near_start[p + 1]):
            f = met[n]
            if f < 0:
                if near_ts[n] < begin or near_ts[n] > end:
                    fate[n] = BEYOND
                elif n == blamed:
                    fate[n] = MISSED
                else:
                    fate[n] = UNCLEAR if unseen else BETWEEN
                    if earlier and had[p] != NEVER:
                        after = n + 1
                        while after < near_start[p + 1] and met[after] < 0:
                            after += 1
                        if after == near_start[p + 1] or had[p] < far_ts[met[after]] + quick:
                            fate[n] = UNCLEAR  # it had been needless
                continue
            earlier = True
            fate[n] = ARRIVED
            if n + 1 == near_start[p + 1]:
                continue
            g: Any = f + 1
            while g < last_far and came[g] == -2:
                g += 1
            again = far_ts[g] if g < last_far else np.int64(NEVER)
            if had[p] != NEVER and (again == NEVER or had[p] < again + quick):
                continue
            if repeated[p] > again:
                continue
            fate[n] = UNCLEAR
            if echo[p] != 0 and near_stamp[n] != 0 and np.int32(echo[p] - near_stamp[n]) <= 0:
                continue
            passed = highest_before(top_ts, top, far_ts[f])
            if asked_again(far_ts[f], again, left[p], right[p], passed, ack_ts, ack, block_left, block_right):
                fate[n] = AFTER
