"""One direction of a connection at two sensors, segment by segment."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.location import copies
from wireverdict.location.clocks import Clocks
from wireverdict.location.follow import AFTER, BEFORE, BETWEEN, MARGIN, UNKNOWN, Followed, follow, unwrapped
from wireverdict.location.log import SEGMENT

MS = 1_000_000
ISN = 2**32 - 1_500
EQUAL = Clocks(0, 0, 0.0, 20.0 * MS, 100)


def segments(*rows: tuple[int, int, int], size: int = 1_000) -> NDArray[np.void]:
    """(ms, number, TSval): segment 0 begins at ISN. A negative size of a row is not wanted: see `of`."""
    made = np.zeros(len(rows), SEGMENT)
    for place, (when, number, stamp) in enumerate(rows):
        made[place]["ts"], made[place]["seq"] = when * MS, (ISN + number * size) % 2**32
        made[place]["length"], made[place]["tsval"] = size, stamp
    return made


def answers(*rows: tuple[int, int, list[tuple[int, int]], int], dsack: tuple[int, ...] = ()) -> NDArray[np.void]:
    """(ms, number of segments acknowledged, SACK blocks by number, TSecr)."""
    made = np.zeros(len(rows), SEGMENT)
    for place, (when, number, blocks, echo) in enumerate(rows):
        made[place]["ts"], made[place]["ack"], made[place]["tsecr"] = when * MS, (ISN + number * 1_000) % 2**32, echo
        made[place]["dsack"] = place in dsack
        for at, block in enumerate(blocks):
            made[place]["sack_left"][at], made[place]["sack_right"][at] = ((ISN + n * 1_000) % 2**32 for n in block)
    return made


def run(near: Any, far: Any, acks: Any, end: int = 5_000) -> Followed:
    told = follow(near, far, acks, EQUAL, (0, end * MS))
    assert told is not None
    return told


def losses(told: Followed) -> list[tuple[int, int, int]]:
    return sorted(zip((told.ts // MS).tolist(), told.place.tolist(), told.bytes.tolist(), strict=True))


SENT = [(1, 0, 1), (2, 1, 2), (3, 2, 3), (4, 3, 4)]


def arriving(*rows: tuple[int, int, int]) -> NDArray[np.void]:
    return segments(*((when + 10, number, stamp) for when, number, stamp in rows))


HOLE = answers((13, 1, [], 1), (15, 1, [(2, 3)], 1), (16, 1, [(2, 4)], 1), (44, 4, [], 30))


def test_nothing_is_lost() -> None:
    told = run(segments(*SENT), arriving(*SENT), answers((20, 4, [], 1)))
    assert losses(told) == []
    assert (told.segment, told.sent, told.missed_near, told.missed_far) == (1_000, 4, 0, 0)


def test_lost_between() -> None:
    near = segments(*SENT, (30, 1, 30))
    told = run(near, arriving(*SENT[:1], *SENT[2:], (30, 1, 30)), HOLE)
    assert losses(told) == [(2, BETWEEN, 1_000)]


def test_lost_after() -> None:
    told = run(segments(*SENT, (30, 1, 30)), arriving(*SENT, (30, 1, 30)), HOLE)
    assert losses(told) == [(2, AFTER, 1_000)]


def test_lost_before() -> None:
    rows = [SENT[0], *SENT[2:], (30, 1, 30)]
    told = run(segments(*rows), arriving(*rows), HOLE)
    assert losses(told) == [(3, BEFORE, 1_000)]  # when it was jumped over


def test_reordered_before_is_no_loss() -> None:
    rows = [SENT[0], *SENT[2:], (5, 1, 2)]
    assert losses(run(segments(*rows), arriving(*rows), HOLE)) == []


def test_sent_again_without_need() -> None:
    acks = answers((14, 4, [], 1), (45, 4, [(1, 2)], 1), dsack=(1,))
    assert losses(run(segments(*SENT, (30, 1, 30)), arriving(*SENT, (30, 1, 30)), acks)) == []


def test_a_repeat_that_the_receiver_reports_was_needless_even_if_it_had_asked() -> None:
    late = answers(
        (13, 1, [], 1), (15, 1, [(2, 3)], 1), (16, 1, [(2, 4)], 1), (47, 4, [], 2), (48, 4, [(1, 2)], 1), dsack=(4,)
    )
    assert losses(run(segments(*SENT, (30, 1, 30)), arriving(*SENT, (30, 1, 30)), late)) == []


def test_an_echo_of_the_first_copy_is_no_proof_of_loss() -> None:
    """RFC 3522: who answers to the first copy has had it."""
    acks = answers((13, 1, [], 1), (15, 1, [(2, 3)], 1), (46, 4, [], 2))
    assert losses(run(segments(*SENT, (30, 1, 30)), arriving(*SENT, (30, 1, 30)), acks)) == [(2, UNKNOWN, 1_000)]


def test_sent_again_and_nothing_was_said_in_between() -> None:
    acks = answers((13, 1, [], 1), (44, 4, [], 30))
    assert losses(run(segments(*SENT, (30, 3, 30)), arriving(*SENT, (30, 3, 30)), acks)) == [(4, UNKNOWN, 1_000)]


def test_what_the_far_capture_missed_is_no_loss() -> None:
    told = run(segments(*SENT), arriving(*SENT[:1], *SENT[2:]), answers((20, 4, [], 1)))
    assert losses(told) == []
    assert told.missed_far == 1


def test_a_far_sensor_that_no_longer_looks_at_the_connection_says_nothing() -> None:
    """Sampled out, say: what is acknowledged at the near sensor was not lost."""
    near, far = segments(*SENT, (30, 3, 30)), arriving(*SENT[:2])
    seen, heard = answers((14, 2, [], 1)), answers((26, 2, [], 1), (60, 4, [], 4))
    told = follow(near, far, seen, EQUAL, (0, 5_000 * MS), heard)
    assert told is not None
    assert told.missed_far == 2
    assert losses(told) == [(4, UNKNOWN, 1_000)]  # of two copies the receiver had one
    black_hole = follow(near, far, seen, EQUAL, (0, 5_000 * MS), heard[:1])
    assert black_hole is not None
    assert losses(black_hole) == [(3, BETWEEN, 1_000), (4, BETWEEN, 1_000), (30, BETWEEN, 1_000)]


def test_what_the_near_capture_missed_is_no_loss() -> None:
    many = [(n, n, n + 1) for n in range(20)]
    told = run(segments(*many[:5], *many[6:], (60, 5, 60)), arriving(*many, (60, 5, 60)), answers((90, 20, [], 1)))
    assert losses(told) == []
    assert told.missed_near == 1


def test_a_packet_that_was_doubled_on_the_way() -> None:
    told = run(
        segments(*SENT), segments((11, 0, 1), (12, 1, 2), (13, 1, 2), (14, 2, 3), (15, 3, 4)), answers((20, 4, [], 1))
    )
    assert (losses(told), told.missed_near) == ([], 0)


def test_a_far_capture_that_was_not_running_says_nothing() -> None:
    near = segments(*SENT, (30, 1, 30))
    acks = answers((50, 4, [], 30))
    told = follow(near, arriving((30, 1, 30)), acks, EQUAL, (25 * MS, 5_000 * MS))
    assert told is not None
    assert losses(told) == []
    late = segments(*SENT, (4_500, 1, 30))
    told = follow(late, arriving(*SENT), answers((20, 4, [], 1)), EQUAL, (0, 5_000 * MS))
    assert told is not None
    assert losses(told) == []
    assert MARGIN == 1_000 * MS


def test_segments_that_are_cut_on_the_way_are_counted_by_what_the_far_side_sees() -> None:
    near = np.concatenate([segments((1, 0, 1), size=4_000), segments((30, 1, 30), (30, 2, 30))])
    far = segments((11, 0, 1), (11, 3, 1), (40, 1, 30), (40, 2, 30))
    told = run(near, far, answers((12, 1, [], 1), (12, 1, [(3, 4)], 1), (41, 4, [], 30)))
    assert losses(told) == [(1, BETWEEN, 2_000)]
    assert (told.segment, told.sent) == (1_000, 6)


def test_other_data_are_another_connection() -> None:
    strange = arriving(*SENT)
    strange["seq"] += np.uint32(123_456_789)
    assert follow(segments(*SENT), strange, answers((20, 4, [], 1)), EQUAL, (0, 5_000 * MS)) is None
    assert follow(segments(*SENT), segments(), answers((20, 4, [], 1)), EQUAL, (0, 5_000 * MS)) is None


def test_numbers_are_unwrapped() -> None:
    numbers = np.array([2**32 - 2, 1, 2**31, 2**32 - 1, 5], np.uint32)
    assert unwrapped(numbers, 2**32 - 2).tolist() == [0, 3, 2**31 + 2, 2**32 + 1, 2**32 + 7]
    assert unwrapped(np.array([2**32 - 3], np.uint32), 1).tolist() == [-4]


def test_no_time_is_never() -> None:
    assert np.iinfo(np.int64).max == copies.NEVER
