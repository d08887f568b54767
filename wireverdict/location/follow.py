"""One direction of one connection, from the sensor near its sender to the one far from it: which data were lost where."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.location import copies
from wireverdict.location.clocks import Clocks

MARGIN = 1_000_000_000
"""ns before the end of a capture in which a packet that has not come by yet may still come."""
LEAST_MET = 0.9
"""Share of the far sensor's data that the near one must have seen, for both to see the same connection."""
BEFORE, BETWEEN, AFTER, UNKNOWN = range(4)  # locate.Place
_PLACES = {copies.BETWEEN: BETWEEN, copies.AFTER: AFTER, copies.UNCLEAR: UNKNOWN}


class Followed(NamedTuple):
    """Losses: `ts` (ns, near clock), `bytes`, `place`, one for each transmission that lost some. `segment`: bytes of a
    full segment. `sent`: data segments at the near sensor. `missed_near`, `missed_far`: segments that a sensor's own
    capture missed."""

    ts: NDArray[np.int64]
    bytes: NDArray[np.int64]
    place: NDArray[np.uint8]
    segment: int
    sent: int
    missed_near: int
    missed_far: int


class _Copies(NamedTuple):
    """Copies of pieces by piece and time. `start`: of each piece, one more at the end. `of`: which transmission."""

    start: NDArray[np.int64]
    ts: NDArray[np.int64]
    stamp: NDArray[np.uint32]
    of: NDArray[np.int64]
    piece: NDArray[np.int64]


def follow(
    near: NDArray[np.void],
    far: NDArray[np.void],
    answers: NDArray[np.void],
    clock: Clocks,
    span: tuple[int, int],
    heard: NDArray[np.void] | None = None,
    forgotten: int | None = None,
) -> Followed | None:
    """`near`, `far`: SEGMENT[n] of one direction at both sensors in order of time; `answers`: acknowledgements of the
    other direction at the far sensor; `clock`: A is the near sensor; `span` ns: first and last time of the far capture;
    `heard`: acknowledgements at the near sensor; `forgotten`: the sequence number up to which data may have passed it that
    is not in `near`. None if the two do not see the same data."""
    near, far = near[near["length"] > 0], far[far["length"] > 0]
    if not len(near) or not len(far):
        return None
    base = int(near["seq"][0])
    left, far_left = unwrapped(near["seq"], base), unwrapped(far["seq"], base)
    right, far_right = left + near["length"], far_left + far["length"]
    bounds = np.unique(np.concatenate([left, right, far_left, far_right]))
    at_far = clock.at_b(near["ts"].astype(np.int64))
    ours = _cut(bounds, left, right, at_far, near["tsval"])
    theirs = _cut(bounds, far_left, far_right, far["ts"].astype(np.int64), far["tsval"])
    met, came = np.empty(len(ours.ts), np.int64), np.empty(len(theirs.ts), np.int64)
    slack = -int(
        clock.apart / 4
    )  # by how they were found, no packet comes earlier than half of it; clocks are not that even
    copies.pair_copies(ours.start, ours.ts, ours.stamp, theirs.start, theirs.ts, theirs.stamp, slack, met, came)
    if np.count_nonzero(came != -1) < LEAST_MET * len(came):
        return None
    full = max(min(int(near["length"].max()), int(far["length"].max())), 1)
    missed_near = _segments(far_right - far_left, theirs.of[came == -1], _sizes(bounds, theirs.piece[came == -1]), full)
    heard = answers[:0] if heard is None else heard
    there = unwrapped(heard["ack"], base), clock.at_b(heard["ts"].astype(np.int64))
    fate = _fates(bounds, ours, theirs, met, came, far_right, far["ts"], answers, base, span, there)
    missed_far = _segments(
        right - left, ours.of[fate == copies.MISSED], _sizes(bounds, ours.piece[fate == copies.MISSED]), full
    )
    lost = np.isin(fate, list(_PLACES))
    place = np.array([_PLACES[value] for value in fate[lost].tolist()], np.uint8)
    # what is lost of one transmission, at one place, is one loss
    keys, inverse = np.unique(ours.of[lost] * 4 + place, return_inverse=True)
    octets = np.zeros(len(keys), np.int64)
    np.add.at(octets, inverse, _sizes(bounds, ours.piece[lost]))
    least = left[0] if forgotten is None else int(unwrapped(np.array([forgotten], np.uint32), base)[0])
    before_ts, before_bytes = _before(bounds, ours, theirs, came, least, right, near["ts"], near["tsval"])
    return Followed(
        np.concatenate([near["ts"][keys // 4].astype(np.int64), before_ts]),
        np.concatenate([octets, before_bytes]),
        np.concatenate([(keys % 4).astype(np.uint8), np.full(len(before_ts), BEFORE, np.uint8)]),
        full,
        int((-(-near["length"].astype(np.int64) // full)).sum()),
        missed_near,
        missed_far,
    )


def unwrapped(numbers: NDArray[np.uint32], base: int) -> NDArray[np.int64]:
    """Sequence numbers (RFC 9293, modulo 2**32) as distances from `base`, each taken as near to the one before it as can
    be."""
    steps = np.diff(numbers, prepend=np.uint32(base)).astype(np.int32)
    far: NDArray[np.int64] = np.cumsum(steps.astype(np.int64))
    return far


def _cut(
    bounds: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    ts: NDArray[np.int64],
    stamp: NDArray[np.uint32],
) -> _Copies:
    first, last = np.searchsorted(bounds, left), np.searchsorted(bounds, right)
    many = last - first
    of = np.repeat(np.arange(len(left)), many)
    piece = np.arange(len(of)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
    order = np.lexsort((ts[of], piece))
    of, piece = of[order], piece[order]
    start = np.searchsorted(piece, np.arange(len(bounds)))
    return _Copies(start, ts[of], np.ascontiguousarray(stamp[of]), of, piece)


def _sizes(bounds: NDArray[np.int64], piece: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes: NDArray[np.int64] = bounds[piece + 1] - bounds[piece]
    return sizes


def _segments(lengths: NDArray[np.int64], of: NDArray[np.int64], sizes: NDArray[np.int64], full: int) -> int:
    """Segments in parts of transmissions."""
    octets = np.zeros(len(lengths), np.int64)
    np.add.at(octets, of, sizes)
    return int((-(-octets // full)).sum())


def _fates(
    bounds: NDArray[np.int64],
    ours: _Copies,
    theirs: _Copies,
    met: NDArray[np.int64],
    came: NDArray[np.int64],
    far_right: NDArray[np.int64],
    far_ts: NDArray[np.int64],
    answers: NDArray[np.void],
    base: int,
    span: tuple[int, int],
    heard: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.uint8]:
    """`heard`: what was acknowledged at the near sensor, and when by the far one's clock."""
    pieces = len(bounds) - 1
    left, right = bounds[:-1], bounds[1:]
    ack_ts, ack = answers["ts"].astype(np.int64), unwrapped(answers["ack"], base)
    had, echo = np.full(pieces, copies.NEVER), np.zeros(pieces, np.uint32)
    if len(ack):
        highest = np.maximum.accumulate(ack)
        by = np.searchsorted(highest, right)  # the first that reaches each piece's end
        reached = by < len(ack)
        had[reached], echo[reached] = ack_ts[by[reached]], answers["tsecr"][by[reached]]
    by_number, single = had.copy(), np.diff(theirs.start) == 1
    waits = by_number[single & (had != copies.NEVER)] - theirs.ts[theirs.start[:-1][single & (had != copies.NEVER)]]
    waits = waits[waits > 0]
    block_left = (ack[:, None] + (answers["sack_left"] - answers["ack"][:, None]).astype(np.int32)).reshape(-1)
    block_right = (ack[:, None] + (answers["sack_right"] - answers["ack"][:, None]).astype(np.int32)).reshape(-1)
    none = (answers["sack_left"] == answers["sack_right"]).reshape(-1)
    repeats = np.stack([answers["dsack"] != 0, np.zeros(len(answers), bool)], axis=1).reshape(-1)
    repeated = np.full(pieces, -1, np.int64)
    some = np.flatnonzero(~none)
    copies.mark_blocks(
        bounds,
        np.searchsorted(bounds, block_left[some]),
        np.repeat(ack_ts, 2)[some],
        np.searchsorted(bounds, block_right[some], "right") - 1,
        repeats[some].astype(np.int64),
        had,
        repeated,
    )
    echo[had != by_number] = 0
    if len(heard[0]):  # the far sensor saw neither the data nor that they were acknowledged, and the near one did
        by = np.searchsorted(np.maximum.accumulate(heard[0]), right)
        late = (had == copies.NEVER) & (by < len(heard[0]))
        had[late] = heard[1][by[late]]
    block_left[none | repeats] = block_right[none | repeats] = 0
    fate = np.zeros(len(ours.ts), np.uint8)
    copies.judge_copies(
        ours.start,
        ours.ts,
        ours.stamp,
        theirs.start,
        theirs.ts,
        met,
        came,
        np.ascontiguousarray(left),
        np.ascontiguousarray(right),
        had,
        echo,
        repeated,
        far_ts.astype(np.int64),
        np.maximum.accumulate(far_right),
        ack_ts,
        ack,
        block_left,
        block_right,
        span[0],
        span[1] - MARGIN,
        int(waits.min()) if len(waits) else 0,
        fate,
    )
    return fate


def _before(
    bounds: NDArray[np.int64],
    ours: _Copies,
    theirs: _Copies,
    came: NDArray[np.int64],
    least: int,
    right: NDArray[np.int64],
    ts: NDArray[np.int64],
    stamp: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pieces that the near sensor first saw when they were sent again: times (ns, near clock) when they were jumped over,
    and bytes.

    Of what lies below `least` nothing is known. Later data had come by before, with an older TSval: what is reordered has the
    same or an older one (RFC 7323).
    """
    there = np.diff(ours.start) > 0
    first = np.full(len(bounds) - 1, -1)
    first[there] = ours.of[ours.start[:-1][there]]
    highest = np.maximum.accumulate(right)
    jumped_by = np.searchsorted(highest, bounds[1:], "right")  # the first transmission that went beyond the piece
    unmatched = np.zeros(len(bounds) - 1, bool)
    unmatched[theirs.piece[came == -1]] = True
    late = there & (jumped_by < first) & (bounds[:-1] >= least) & ~unmatched
    late &= jumped_by < len(right)
    pieces = np.flatnonzero(late)
    by, again = jumped_by[pieces], first[pieces]
    timed = (stamp[by] != 0) & (stamp[again] != 0)
    oldest = np.array([_oldest(ours.stamp[ours.start[p] : ours.start[p + 1]]) for p in pieces.tolist()], np.uint32)
    newer = (oldest - stamp[by]).astype(np.int32) > 0
    pieces, by, again = pieces[timed & newer], by[timed & newer], again[timed & newer]
    keys, inverse = np.unique(again, return_inverse=True)  # one loss for each transmission that mends it
    octets, when = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    np.add.at(octets, inverse, _sizes(bounds, pieces))
    when[inverse] = ts[by]
    return when, octets


def _oldest(stamps: NDArray[np.uint32]) -> int:
    """The oldest of some TSvals, which go up modulo 2**32."""
    base = stamps[0]
    return int(base + np.uint32((stamps - base).astype(np.int32).min().astype(np.uint32)))
