"""The kernels that follow copies, against the slow way."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.location import naive
from wireverdict.location.copies import FATES as FATES_TYPE
from wireverdict.location.copies import (
    NEVER,
    asked_again,
    first_after,
    highest_before,
    judge_copies,
    mark_blocks,
    pair_copies,
)

TIME = st.integers(0, 30)
STAMP = st.sampled_from([0, 5, 6, 7, 2**32 - 1])
COPIES = st.lists(st.tuples(TIME, STAMP), max_size=4).map(sorted)
BLOCK = st.tuples(st.integers(0, 8), st.integers(0, 3)).map(lambda b: (b[0], b[0] + b[1]))


def array(values: Any, kind: Any = np.int64) -> Any:
    return np.array(list(values), kind)


def flat(pieces: list[naive.Copies]) -> tuple[Any, Any, Any]:
    """start, times, stamps."""
    start = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])]).astype(np.int64)
    return (
        start,
        array(when for piece in pieces for when, _ in piece),
        array((stamp for piece in pieces for _, stamp in piece), np.uint32),
    )


def paired(near: list[naive.Copies], far: list[naive.Copies], slack: int) -> tuple[Any, Any, int]:
    (a, b, c), (d, e, f) = flat(near), flat(far)
    met, came = np.empty(len(b), np.int64), np.empty(len(e), np.int64)
    return met, came, pair_copies(a, b, c, d, e, f, slack, met, came)


@given(st.lists(st.tuples(COPIES, COPIES), min_size=1, max_size=4), st.integers(-5, 2))
def test_copies_are_paired_as_the_slow_way_does(pieces: list[tuple[naive.Copies, naive.Copies]], slack: int) -> None:
    near, far = [one for one, _ in pieces], [other for _, other in pieces]
    met, came, missed = paired(near, far, slack)
    expected = [naive.pairs(one, other, slack) for one, other in pieces]
    starts, ends = flat(near)[0], flat(far)[0]
    for piece, (wanted_met, wanted_came) in enumerate(expected):
        mine = met[starts[piece] : starts[piece + 1]]
        assert [int(m) - int(ends[piece]) if m >= 0 else -1 for m in mine] == wanted_met
        theirs = came[ends[piece] : ends[piece + 1]]
        assert [int(c) - int(starts[piece]) if c >= 0 else int(c) for c in theirs] == wanted_came
    assert missed == sum(one == -1 for _, wanted in expected for one in wanted)


def test_one_of_two_copies_arrives() -> None:
    met, came, missed = paired([[(0, 5), (10, 6)]], [[(12, 6)]], 0)
    assert (met.tolist(), came.tolist(), missed) == ([-1, 0], [1], 0)
    met, came, missed = paired([[(0, 0), (10, 0)]], [[(12, 0)]], 0)  # without timestamps: the latest
    assert (met.tolist(), came.tolist(), missed) == ([-1, 0], [1], 0)


def test_a_repeat_is_no_copy_of_its_own_and_a_stranger_was_missed() -> None:
    met, came, missed = paired([[(0, 5)]], [[(2, 5), (3, 5), (4, 9)]], 0)
    assert (met.tolist(), came.tolist(), missed) == ([0], [0, -2, -1], 1)


PIECE = st.fixed_dictionaries(
    {
        "near": st.lists(st.tuples(TIME, STAMP), min_size=1, max_size=3).map(sorted),
        "far": COPIES,
        "had": TIME | st.just(NEVER),
        "echo": STAMP,
        "repeated": TIME | st.just(-1),
    }
)


@given(
    st.lists(PIECE, min_size=1, max_size=3),
    st.lists(st.tuples(TIME, st.integers(0, 8)), max_size=5).map(sorted),
    st.lists(st.tuples(TIME, st.integers(0, 8), BLOCK, BLOCK), max_size=6).map(
        lambda acks: sorted(acks, key=lambda a: a[0])
    ),
    st.tuples(TIME, TIME).map(sorted),
    st.integers(0, 4),
)
def test_fates_are_those_of_the_slow_way(pieces: Any, passed: Any, acks: Any, span: Any, quick: int) -> None:
    top = np.maximum.accumulate(array(number for _, number in passed)) if passed else array([])
    tops = [(when, int(number)) for (when, _), number in zip(passed, top, strict=True)]
    wanted = []
    for number, piece in enumerate(pieces):
        piece["met"], piece["came"] = naive.pairs(piece["near"], piece["far"], 0)
        piece["left"], piece["right"] = 2 * number, 2 * number + 2
        told = [(when, ack, [one, other]) for when, ack, one, other in acks]
        wanted += naive.fates(piece, span[0], span[1], quick, tops, told)
    near, far = [piece["near"] for piece in pieces], [piece["far"] for piece in pieces]
    met, came, _ = paired(near, far, 0)
    (a, b, c), (d, e, _) = flat(near), flat(far)
    fate = np.zeros(len(b), np.uint8)
    judge_copies(
        a, b, c, d, e, met, came,
        array(piece["left"] for piece in pieces),
        array(piece["right"] for piece in pieces),
        array(piece["had"] for piece in pieces),
        array((piece["echo"] for piece in pieces), np.uint32),
        array(piece["repeated"] for piece in pieces),
        array(when for when, _ in passed), top,
        array(when for when, *_ in acks),
        array(ack for _, ack, *_ in acks),
        array(block[0] for *_, one, other in acks for block in (one, other)),
        array(block[1] for *_, one, other in acks for block in (one, other)),
        span[0], span[1], quick, fate,
    )  # fmt: skip
    assert fate.tolist() == wanted


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 7), TIME, st.booleans()), max_size=6))
def test_blocks_are_marked(blocks: list[tuple[int, int, int, bool]]) -> None:
    blocks.sort(key=lambda block: block[2])
    had, repeated = np.full(5, NEVER), np.full(5, -1, np.int64)
    first, last, ts, again = (array(block[place] for block in blocks) for place in range(4))
    mark_blocks(array(range(6)), first, ts, last, again, had, repeated)
    for piece in range(5):
        mine = [(when, twice) for left, right, when, twice in blocks if left <= piece < right]
        assert had[piece] == min((when for when, twice in mine if not twice), default=NEVER)
        assert repeated[piece] == max((when for when, twice in mine if twice), default=-1)


def test_the_first_of_some_times_after_another() -> None:
    times = np.array([1, 5, 5, 9], np.int64)
    for when in range(11):
        assert first_after(times, when) == sum(each <= when for each in times.tolist())
    assert first_after(times[:0], 3) == 0


def test_the_highest_before_a_time() -> None:
    times, top = array([1, 5, 5, 9]), array([10, 20, 30, 40])
    assert [highest_before(times, top, when) for when in (0, 1, 4, 5, 8, 9, 99)] == [NEVER, 10, 10, 30, 30, 40, 40]


def test_who_asks_again_has_later_data() -> None:
    acks = array([5, 9]), array([0, 0]), array([2, 0, 2, 0]), array([4, 0, 6, 0])
    assert asked_again(4, 99, 0, 2, 2, *acks)
    assert not asked_again(4, 99, 0, 2, 6, *acks)  # those had passed before
    assert asked_again(4, 99, 0, 2, 5, *acks)
    assert not asked_again(4, 8, 0, 2, 5, *acks)
    assert not asked_again(4, 99, 0, 3, 2, *acks)  # below
    assert FATES_TYPE.element.name == "uint8"
