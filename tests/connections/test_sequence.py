"""Data and acknowledgements, rule by rule as docs/definitions.md has them. Each script is run through the model too."""

from __future__ import annotations

import numpy as np
import pytest

from tests.connections.compare import check
from tests.connections.packets import Talk
from wireverdict import headers as h
from wireverdict.connections import notes as n
from wireverdict.connections.layout import HOLES
from wireverdict.records import RttMethod

WRAP = 1 << 32


def started(rtt: float = 10, **given: object) -> Talk:
    """A talk after its handshake, which ends at `rtt` ms."""
    return Talk(**given).handshake(rtt=rtt)  # type: ignore[arg-type]


def source(talk: Talk) -> np.void:
    """The client's side of the only record."""
    return check(talk.rows).record["source"]  # type: ignore[no-any-return]


def events(talk: Talk) -> list[int]:
    """Event bits of each packet."""
    return [int(bits) for bits in check(talk.rows).notes["events"]]


# --- what kind of data it is


def test_new_data() -> None:
    side = source(started().c(20, "P.", 100).c(21, "P.", 50))
    assert (side["payload_bytes"], side["stream_bytes"], side["retransmissions"]) == (150, 150, 0)


def test_data_sent_twice_is_a_retransmission() -> None:
    talk = started().c(20, "P.", 100).c(40, "P.", 100, seq=1)
    side = source(talk)
    assert (side["retransmissions"], side["out_of_order"], side["retransmitted_bytes"]) == (1, 0, 100)
    assert (side["payload_bytes"], side["stream_bytes"]) == (200, 100)
    assert events(talk)[-1] & n.RETRANSMISSION


def test_part_of_old_data_sent_again_is_a_retransmission() -> None:
    assert source(started().c(20, "P.", 100).c(40, "P.", 10, seq=31))["retransmitted_bytes"] == 10


def test_data_partly_below_next_is_new_and_the_rest_counts_in_bytes_only() -> None:
    talk = started().c(20, "P.", 100).c(40, "P.", 100, seq=51)
    side = source(talk)
    assert (side["retransmissions"], side["retransmitted_bytes"], side["stream_bytes"]) == (0, 50, 150)
    assert not events(talk)[-1] & (n.RETRANSMISSION | n.OUT_OF_ORDER)


def test_new_data_that_also_repeats_missing_bytes_fill_the_hole() -> None:
    talk = started().c(20, "P.", 100, seq=101).c(40, "P.", 250, seq=1).s(60, ".")
    side = source(talk)
    assert (side["missed_bytes"], side["retransmitted_bytes"], side["payload_bytes"]) == (0, 200, 350)


def swapped(late_ms: float, rtt: float = 10) -> Talk:
    """The second segment passes first; the first comes `late_ms` later."""
    return started(rtt).c(20, "P.", 100, seq=101).c(20 + late_ms, "P.", 100, seq=1)


@pytest.mark.parametrize(("late_ms", "reordered"), [(0.1, True), (5, True), (5.001, False), (300, False)])
def test_a_hole_filled_within_half_the_handshake_time_is_out_of_order(late_ms: float, reordered: bool) -> None:
    side = source(swapped(late_ms, rtt=10))
    assert (side["out_of_order"], side["retransmissions"]) == ((1, 0) if reordered else (0, 1))
    assert side["retransmitted_bytes"] == (0 if reordered else 100)
    assert side["payload_bytes"] == side["stream_bytes"] == 200


@pytest.mark.parametrize(("late_ms", "reordered"), [(3, True), (3.001, False)])
def test_three_milliseconds_are_the_limit_where_the_handshake_is_not_known(late_ms: float, reordered: bool) -> None:
    talk = Talk().c(0, ".", 100, seq=1, ack=1).c(1, ".", 100, seq=201, ack=1).c(1 + late_ms, ".", 100, seq=101, ack=1)
    assert source(talk)["out_of_order"] == reordered


@pytest.mark.parametrize(("tsval", "reordered"), [(6, True), (7, True), (8, False)])
def test_with_timestamps_the_tsval_tells_reordered_from_sent_again(tsval: int, reordered: bool) -> None:
    talk = started().c(20, "P.", 100, seq=101, timestamps=(7, 1)).c(500, "P.", 100, seq=1, timestamps=(tsval, 1))
    assert source(talk)["out_of_order"] == reordered


def test_timestamps_wrap() -> None:
    before, after = WRAP - 2, 1
    talk = started().c(20, "P.", 100, seq=101, timestamps=(before, 1)).c(21, "P.", 100, seq=1, timestamps=(after, 1))
    assert source(talk)["retransmissions"] == 1


def test_a_reordered_packet_that_was_half_seen_counts_the_half_as_repeated() -> None:
    talk = started().c(20, "P.", 50).c(21, "P.", 100, seq=101).c(22, "P.", 100, seq=1)
    side = source(talk)
    assert (side["out_of_order"], side["retransmitted_bytes"], side["payload_bytes"]) == (1, 50, 250)


def test_a_hole_filled_in_pieces() -> None:
    talk = started().c(20, "P.", 10, seq=101)
    for seq, length in ((41, 20), (1, 40), (61, 40)):
        talk.c(21, "P.", length, seq=seq)
    side = source(talk.s(40, "."))
    assert (side["out_of_order"], side["missed_bytes"], side["payload_bytes"]) == (3, 0, 110)


def test_one_packet_fills_several_holes() -> None:
    talk = started()
    for seq in (11, 31, 51):
        talk.c(20, "P.", 10, seq=seq)
    side = source(talk.c(21, "P.", 60, seq=1).s(40, "."))
    assert (side["out_of_order"], side["retransmitted_bytes"], side["missed_bytes"]) == (1, 30, 0)


def test_twelve_holes_are_remembered_and_more_are_counted() -> None:
    talk = started()
    for hole in range(HOLES + 2):
        talk.c(20, "P.", 10, seq=11 + 20 * hole)
    outcome = check(talk.s(30, ".").rows)
    side = outcome.record["source"]
    assert outcome.tracker.counts["holes_forgotten"] == 2
    assert side["missed_bytes"] == 10 * HOLES
    assert side["payload_bytes"] == 10 * (HOLES + 2)
    repeated = talk.c(31, "P.", 10, seq=1)  # of a hole that is forgotten: nothing but old data
    assert source(repeated)["retransmissions"] == 1


def test_a_hole_that_cannot_be_split_for_want_of_room_keeps_its_upper_part() -> None:
    talk = started().c(20, "P.", 10, seq=1_001)
    for hole in range(HOLES - 1):
        talk.c(20, "P.", 10, seq=1_021 + 20 * hole)
    outcome = check(talk.c(21, "P.", 10, seq=501).s(30, ".").rows)
    assert outcome.tracker.counts["holes_forgotten"] == 1
    assert outcome.record["source"]["missed_bytes"] == 490 + 10 * (HOLES - 1)


# --- FIN


def test_a_fin_that_comes_before_the_last_data_leaves_a_hole() -> None:
    talk = started().c(20, "F.", seq=101).c(21, "P.", 100, seq=1).s(40, ".")
    side = source(talk)
    assert (side["out_of_order"], side["retransmissions"], side["missed_bytes"]) == (1, 0, 0)
    assert (side["payload_bytes"], side["stream_bytes"]) == (100, 100)


def test_data_lost_before_a_fin_are_missed_when_acknowledged() -> None:
    side = source(started().c(20, "F.", seq=101).s(40, "."))
    assert (side["missed_bytes"], side["payload_bytes"], side["stream_bytes"]) == (100, 0, 100)


def test_a_fin_that_comes_after_its_acknowledgement_is_no_data() -> None:
    side = source(started().c(20, "P.", 100).s(30, ".", ack=102).c(31, "F."))
    assert (side["payload_bytes"], side["stream_bytes"], side["missed_bytes"]) == (100, 100, 0)


def test_the_last_segment_sent_again_with_the_fin_is_a_retransmission() -> None:
    side = source(started().c(20, "P.", 100).c(300, "FP.", 100, seq=1))
    assert (side["retransmissions"], side["stream_bytes"]) == (1, 100)


# --- keep-alives and window probes


@pytest.mark.parametrize("length", [0, 1])
def test_a_keep_alive(length: int) -> None:
    talk = started().c(20, "P.", 100).s(30, ".").c(60_000, ".", length, seq=100)
    side = source(talk)
    assert (side["keep_alives"], side["retransmissions"], side["payload_bytes"]) == (1, 0, 100)
    bits = events(talk)[-1]
    assert bits & n.KEEP_ALIVE
    assert not bits & (n.DATA | n.RETRANSMISSION)


def test_two_bytes_at_the_end_are_no_keep_alive() -> None:
    assert source(started().c(20, "P.", 100).c(60_000, ".", 2, seq=99))["retransmissions"] == 1


def test_a_window_probe_is_a_keep_alive_and_never_timed() -> None:
    talk = started().c(20, "P.", 100).s(30, ".", window=0)
    talk.c(500, ".", 1).s(510, ".", window=0, ack=101).c(1_500, ".", 1, seq=101).s(9_000, ".", window=5_000)
    side = source(talk)
    assert (side["keep_alives"], side["retransmissions"], side["stream_bytes"]) == (2, 0, 101)
    assert (side["rtt_samples"], side["rtt_max"]) == (2, 10_000)


# --- acknowledgements


def test_acked_and_flight() -> None:
    talk = started().c(20, "P.", 100).c(21, "P.", 200).s(30, ".", ack=101).s(31, ".", ack=301)
    notes = check(talk.rows).notes
    assert notes["flight"].tolist() == [0, 0, 0, 100, 300, 0, 0]
    assert notes["acked"].tolist() == [0, 1, 1, 0, 0, 100, 200]
    assert source(talk)["peak_in_flight"] == 300


def test_the_window_is_full() -> None:
    talk = started().s(11, ".", window=150).c(20, "P.", 100).c(21, "P.", 50)
    assert [bool(bits & n.WINDOW_FULL) for bits in events(talk)[-2:]] == [False, True]


def test_duplicate_acks() -> None:
    talk = started().c(20, "P.", 100).s(30, ".", ack=1).s(31, ".", ack=1)
    assert check(talk.rows).record["destination"]["duplicate_acks"] == 2


@pytest.mark.parametrize(
    ("flags", "length", "other"),
    [(".", 10, {}), ("F.", 0, {}), (".", 0, {"window": 9_999}), (".", 0, {"ack": 101}), (".", 0, {"ack": 0})],
)
def test_what_is_no_duplicate_ack(flags: str, length: int, other: dict[str, int]) -> None:
    talk = started().c(20, "P.", 100).s(31, flags, length, **{"ack": 1, **other})
    assert check(talk.rows).record["destination"]["duplicate_acks"] == 0


def test_the_same_ack_without_outstanding_data_is_no_duplicate() -> None:
    assert check(started().s(20, ".").s(21, ".").rows).record["destination"]["duplicate_acks"] == 0


# --- capture loss


def test_bytes_of_holes_are_missed_when_acknowledged() -> None:
    talk = started().c(20, "P.", 100).c(21, "P.", 100, seq=201).s(30, ".", ack=151).s(31, ".", ack=301)
    outcome = check(talk.rows)
    assert outcome.record["source"]["missed_bytes"] == 100
    assert outcome.notes["missed"].tolist()[-2:] == [50, 50]
    assert all(bits & n.MISSED for bits in outcome.notes["events"][-2:])


def test_bytes_beyond_next_are_missed_when_acknowledged() -> None:
    side = source(started().c(20, "P.", 100).s(30, ".", ack=1_101))
    assert (side["missed_bytes"], side["stream_bytes"], side["payload_bytes"]) == (1_000, 1_100, 100)


def test_one_byte_beyond_next_may_be_a_fin() -> None:
    side = source(started().c(20, "P.", 100).s(30, ".", ack=102))
    assert (side["missed_bytes"], side["payload_bytes"]) == (0, 100)


def test_a_side_that_was_not_captured_missed_nothing() -> None:
    talk = Talk().s(0, "P.", 10, ack=1).s(10, "P.", 10, ack=5_000).s(20, ".", ack=9_000)
    record = check(talk.rows).record
    assert record["source"]["missed_bytes"] == record["source"]["stream_bytes"] == 0


@pytest.mark.parametrize(("beyond", "believed"), [(1 << 30, True), ((1 << 30) + 1, False)])
def test_an_unbelievable_acknowledgement(beyond: int, believed: bool) -> None:
    talk = started().c(20, "P.", 100).s(30, ".", ack=101 + beyond)
    assert bool(events(talk)[-1] & n.ACK_ADVANCED) == believed
    assert source(talk)["missed_bytes"] == (beyond if believed else 0)


def test_acknowledgements_on_rst_are_not_believed() -> None:
    talk = started().c(20, "P.", 100).s(30, "R.", ack=5_000)
    assert not events(talk)[-1] & n.ACK_ADVANCED


# --- spurious retransmissions


def test_dsack_proves_a_retransmission_needless_once() -> None:
    proof = {"present": h.SACK1 | h.DSACK}
    talk = (
        started(rtt=10).c(20, "P.", 100).c(300, "P.", 100, seq=1).s(310, ".").s(320, ".", **proof).s(330, ".", **proof)
    )
    outcome = check(talk.rows)
    assert outcome.record["source"]["spurious_retransmissions"] == 1
    assert outcome.notes["spurious"].tolist()[-2:] == [1, 0]
    assert outcome.notes["events"][-2] & n.SPURIOUS


def test_dsack_without_a_retransmission_proves_nothing() -> None:
    talk = started().c(20, "P.", 100).s(30, ".", present=h.SACK1 | h.DSACK)
    assert source(talk)["spurious_retransmissions"] == 0


def eifel(echo: int, ack: int = 101, **options: int) -> Talk:
    """A segment of TSval 5, sent again with TSval 9; the acknowledgement echoes `echo`."""
    talk = Talk().c(0, "S", **options).s(10, "S.", **options).c(10, ".")
    talk.c(20, "P.", 100, timestamps=(5, 1)).c(300, "P.", 100, seq=1, timestamps=(9, 1))
    return talk.s(310, ".", ack=ack, timestamps=(2, echo))


@pytest.mark.parametrize(("echo", "needless"), [(5, True), (8, True), (9, False), (10, False)])
def test_an_echo_older_than_the_copy_proves_it_needless(echo: int, needless: bool) -> None:
    assert source(eifel(echo))["spurious_retransmissions"] == needless


def test_an_echo_proves_no_more_copies_than_there_were() -> None:
    talk = eifel(5).c(400, "P.", 100, timestamps=(10, 1)).s(410, ".", timestamps=(2, 6))
    assert source(talk)["spurious_retransmissions"] == 1


def test_an_echo_proves_nothing_where_sack_is_in_use() -> None:
    assert source(eifel(5, present=h.SACK_PERMITTED))["spurious_retransmissions"] == 0


def test_an_echo_proves_nothing_without_an_acknowledgement_of_the_copy() -> None:
    assert source(eifel(5, ack=1))["spurious_retransmissions"] == 0


def test_one_acknowledgement_proves_one_copy_needless() -> None:
    talk = eifel(5)
    talk.rows[-1]["present"] |= h.SACK1 | h.DSACK
    talk.rows.insert(-1, {**talk.rows[-2], "ts": talk.rows[-2]["ts"] + 1})  # a third copy
    outcome = check(talk.rows)
    assert outcome.record["source"]["spurious_retransmissions"] == outcome.notes["spurious"].sum() == 1


# --- round-trip times


def test_syn_and_syn_ack_are_timed() -> None:
    record = check(Talk().c(0, "S").s(30, "S.").c(31, ".").rows).record
    assert (record["source"]["rtt_min"], record["source"]["rtt_method"]) == (30_000, RttMethod.HANDSHAKE)
    assert (record["destination"]["rtt_min"], record["destination"]["rtt_samples"]) == (1_000, 1)


def test_data_are_timed_one_packet_at_a_time() -> None:
    talk = started().c(20, "P.", 100).c(21, "P.", 100).s(50, ".", ack=101).s(52, ".", ack=201)
    outcome = check(talk.rows)
    assert outcome.notes["rtt"].tolist()[-2:] == [30_000, 0]
    assert (outcome.record["source"]["rtt_samples"], outcome.record["source"]["rtt_method"]) == (2, RttMethod.SEQ_ACK)


def test_the_first_ack_that_covers_the_timed_packet_gives_the_sample() -> None:
    talk = started().c(20, "P.", 100).s(30, ".", ack=51).s(45, ".", ack=101)
    assert source(talk)["rtt_max"] == 25_000


def test_what_was_sent_again_gives_no_sample() -> None:
    talk = started().c(20, "P.", 100).c(300, "P.", 100, seq=1).s(310, ".")
    assert source(talk)["rtt_samples"] == 1  # the SYN's


def test_a_retried_syn_gives_no_sample() -> None:
    talk = Talk().c(0, "S").c(1_000, "S", seq=0).s(1_030, "S.").c(1_031, ".")
    assert source(talk)["rtt_samples"] == 0


@pytest.mark.parametrize(("echo", "samples"), [(5, 2), (9, 1)])
def test_an_echo_tells_which_copy_was_acknowledged(echo: int, samples: int) -> None:
    side = source(eifel(echo))
    assert side["rtt_samples"] == samples
    assert side["rtt_method"] == (RttMethod.TIMESTAMPS if samples == 2 else RttMethod.HANDSHAKE)
    assert side["rtt_max"] == (290_000 if samples == 2 else 10_000)


def test_data_behind_a_hole_are_not_timed() -> None:
    talk = started().c(20, "P.", 100, seq=101).s(30, ".", ack=1).c(40, "P.", 100, seq=1).s(50, ".")
    assert source(talk)["rtt_samples"] == 1


def test_a_jump_behind_the_timed_packet_does_no_harm() -> None:
    talk = started().c(20, "P.", 100).c(21, "P.", 100, seq=301).s(45, ".", ack=101)
    assert source(talk)["rtt_max"] == 25_000


@pytest.mark.parametrize("back_ms", [1, 60_000, 2_500_000, 4_300_000_000])
def test_time_that_went_backwards_gives_no_sample(back_ms: int) -> None:
    assert source(started().c(20, "P.", 100).s(20 - back_ms, "."))["rtt_samples"] == 1


def test_an_answer_seen_before_the_syn_gives_no_sample_of_it() -> None:
    talk = Talk().s(0, "S.", ack=1).c(0.1, "S").c(0.2, ".").c(1, "P.", 100).s(900, ".")
    record = check(talk.rows).record
    assert (record["source"]["rtt_samples"], record["source"]["rtt_max"]) == (1, 899_000)
    assert record["source"]["peak_in_flight"] == 100
