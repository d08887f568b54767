"""Asking the judge of bufferbloat about many rings at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.paths import bufferbloat
from wireverdict.paths.bufferbloat import Bloat
from wireverdict.paths.layout import BINS, FALSE, TRUE
from wireverdict.paths.screen import look
from wireverdict.records import Reason


class Answers(NamedTuple):
    """For each ring asked about: `answer` TRUE, FALSE or 0, and why if 0; `latest`, the last second under load.

    `found`: (index, part, Bloat) where a queue stood or may have.
    """

    answer: NDArray[np.uint8]
    reason: NDArray[np.uint8]
    latest: NDArray[np.int64]
    found: list[tuple[int, int, Bloat]]


def answers(
    loads: NDArray[np.void],
    oldest: NDArray[np.int64],
    rings: NDArray[np.int64],
    until: NDArray[np.int64],
    bases: NDArray[np.int64],
    settings: bufferbloat.Settings,
) -> Answers:
    """Judge the rings with these row numbers by the minute before second `until`[i].

    `oldest`: first second of each ring; `bases`: µs, by part.
    """
    seen = look(loads, oldest, rings.astype(np.int32), until - BINS, until, bases, settings)
    enough = settings.min_seconds
    told = seen[:, 1:3] >= enough
    # a part without round trips may be passed over if it is the shorter one: the capture is at that end
    shorter = (bases > 0) & (bases < bases[:, ::-1])
    calm = told & (4 * seen[:, 3:5] <= seen[:, 1:3]) & (seen[:, 3:5] < enough)
    answer = np.where((calm | (~told & shorter)).all(axis=1) & calm.any(axis=1), FALSE, 0).astype(np.uint8)
    reason = np.where(seen[:, 0] < enough, Reason.NO_LOAD, Reason.TOO_FEW_SAMPLES).astype(np.uint8)
    found = []
    for i, part in np.argwhere(told & (seen[:, 3:5] >= enough)).tolist():
        bins = loads[rings[i]]
        bins = bins[(bins["second"] >= until[i] - BINS) & (bins["second"] < until[i])]
        bloat = bufferbloat.judge(bins, part, int(bases[i, part]), settings)
        found.append((i, part, bloat))
        if bloat.answer:
            answer[i] = TRUE
        elif bloat.answer is None:
            reason[i] = Reason.UNDECIDED
        elif not answer[i] and calm[i, 1 - part]:
            answer[i] = FALSE
    reason[answer != 0] = Reason.NONE
    return Answers(answer, reason, seen[:, 5], found)
