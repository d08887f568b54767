"""Handshake, windows, reuse and close of TCP connections, as docs/definitions.md has them; the model agrees on each."""

from __future__ import annotations

import pytest

from tests.connections.compare import check, letters
from tests.connections.packets import CLIENT_ISN, MS, SERVER_ISN, START, Talk
from wireverdict import headers as h
from wireverdict.connections import notes as n
from wireverdict.records import State

HANDSHAKE_BITS = n.SYN_SENT | n.SYN_RETRY | n.SYN_ANSWERED | n.ESTABLISHED | n.REFUSED


def steps(talk: Talk, among: int = HANDSHAKE_BITS) -> list[int]:
    """The event bits of each packet that are in `among`."""
    return [int(bits) & among for bits in check(talk.rows).notes["events"]]


# --- handshake


def test_a_handshake() -> None:
    outcome = check(Talk().c(0, "S").s(30, "S.").c(31, ".").rows)
    assert [int(bits) & HANDSHAKE_BITS for bits in outcome.notes["events"]] == [
        n.SYN_SENT,
        n.SYN_ANSWERED,
        n.ESTABLISHED,
    ]
    assert outcome.notes["reply_to"].tolist() == [0, START, 0]
    assert outcome.record["handshake"] == 31 * MS


def test_a_retried_syn_is_the_same_attempt() -> None:
    talk = Talk().c(0, "S").c(1_000, "S", seq=0).s(1_030, "S.").c(1_031, ".")
    assert steps(talk) == [n.SYN_SENT, n.SYN_SENT | n.SYN_RETRY, n.SYN_ANSWERED, n.ESTABLISHED]
    record = check(talk.rows).record
    assert record["handshake"] == 1_031 * MS  # from the first SYN
    assert letters(record) == "ShA"


def test_a_retried_syn_ack_is_answered_once() -> None:
    talk = Talk().c(0, "S").s(30, "S.").s(1_030, "S.", seq=0).c(1_031, ".")
    assert steps(talk) == [n.SYN_SENT, n.SYN_ANSWERED, 0, n.ESTABLISHED]


def test_a_refused_syn() -> None:
    outcome = check(Talk().c(0, "S").s(30, "R.").rows)
    assert outcome.notes["events"][1] & n.REFUSED
    assert outcome.notes["reply_to"][1] == START
    assert outcome.record["state"] == State.REJ


def test_a_rst_after_the_originator_gave_up_is_a_refusal_too() -> None:
    assert steps(Talk().c(0, "S").c(10, "R").s(30, "R.")) == [n.SYN_SENT, 0, n.REFUSED]


def test_the_ack_must_be_of_the_syn_ack() -> None:
    talk = Talk().c(0, "S").s(30, "S.").c(31, ".", ack=0).c(32, ".", ack=1)
    assert steps(talk)[-2:] == [0, n.ESTABLISHED]
    assert check(talk.rows).record["handshake"] == 32 * MS


def test_a_handshake_is_complete_even_if_the_server_hurried_on() -> None:
    talk = Talk().c(0, "S").s(30, "S.").s(30.5, "F.").c(31, ".")
    assert check(talk.rows).record["handshake"] == 31 * MS


def test_data_may_complete_the_handshake_and_a_rst_may_not() -> None:
    assert steps(Talk().c(0, "S").s(30, "S.").c(31, "P.", 10))[-1] == n.ESTABLISHED
    assert steps(Talk().c(0, "S").s(30, "S.").c(31, "R."))[-1] == 0


@pytest.mark.parametrize("without", [0, 1, 2])
def test_the_handshake_is_unknown_if_one_of_three_is_missing(without: int) -> None:
    rows = Talk().handshake().rows
    del rows[without]
    assert check(rows).record["handshake"] == -1


def test_a_syn_ack_seen_before_its_syn() -> None:
    talk = Talk().s(0, "S.", ack=1).c(0.1, "S").c(0.2, ".").c(1, "P.", 5).s(30, ".")
    record = check(talk.rows).record
    assert letters(record) == "^hSAD" + "a"
    assert record["handshake"] == 200_000
    assert (record["source"]["missed_bytes"], record["source"]["payload_bytes"]) == (0, 5)


def test_a_simultaneous_open_is_one_connection() -> None:
    talk = Talk().c(0, "S").s(1, "S").c(30, "S.", seq=0).s(31, "S.", seq=0)
    record = check(talk.rows).record
    assert record["state"] == State.S1
    assert letters(record) == "Ss"


def test_a_retried_syn_of_a_simultaneous_open_belongs_to_it() -> None:
    assert len(check(Talk().c(0, "S").s(1, "S").s(1_001, "S", seq=0).rows).records) == 1


def test_fast_open_data_on_the_syn_are_data() -> None:
    record = check(Talk().c(0, "S", 50).s(30, "S.").c(31, ".").rows).record
    assert (record["source"]["payload_bytes"], record["source"]["missed_bytes"]) == (50, 0)
    assert record["source"]["rtt_max"] == 30_000


# --- reuse of ports


def test_a_syn_with_another_number_begins_another_connection() -> None:
    records = check(Talk().c(0, "S").c(10, "S", seq=77_000).rows).records
    assert [letters(record) for record in records] == ["S", "S"]


def test_any_syn_after_the_close_begins_another_connection() -> None:
    closed = Talk().handshake().c(20, "F.").s(21, "F.").c(22, ".")
    records = check(closed.c(1_000, "S", seq=0).rows).records
    assert [letters(record) for record in records] == ["ShAFf", "S"]
    assert [int(record["state"]) for record in records] == [State.SF, State.S0]


def test_a_syn_ack_never_begins_another_while_the_originator_is_known() -> None:
    assert len(check(Talk().c(0, "S").s(1, "S.").s(2, "S.", seq=5_000).rows).records) == 1


def test_two_syn_acks_of_half_a_connection_with_other_numbers_are_two() -> None:
    assert len(check(Talk().s(0, "S.").s(1, "S.", seq=5_000).rows).records) == 2


def test_a_syn_from_the_other_side_of_an_established_connection_begins_another() -> None:
    records = check(Talk().handshake().s(500, "S", seq=9_000).rows).records
    assert len(records) == 2
    assert records[1]["sport"] == 443


def test_a_syn_numbered_zero_of_a_side_never_heard_begins_another() -> None:
    talk = Talk(isn=(CLIENT_ISN, 0)).c(0, "", 10).s(500, "S")
    assert len(check(talk.rows).records) == 2


def test_another_syn_ack_starts_the_numbers_again() -> None:
    talk = Talk().c(0, "S").s(1, "S.").s(2, "P.", 10).s(3, "S.", seq=7_000).c(4, ".", ack=7_001)
    side = check(talk.s(5, "P.", 20, seq=7_001).rows).record["destination"]
    assert (side["stream_bytes"], side["payload_bytes"], side["missed_bytes"]) == (20, 30, 0)


# --- windows


def test_windows_are_scaled_by_what_both_offered() -> None:
    def full(client: dict[str, int], server: dict[str, int]) -> bool:
        talk = Talk().c(0, "S", **client).s(10, "S.", **server).c(11, ".").s(12, ".", window=100)
        return bool(check(talk.c(20, "P.", 100).rows).notes["events"][-1] & n.WINDOW_FULL)

    assert full({}, {})
    assert full({"wscale": 3}, {})
    assert full({}, {"wscale": 3})
    assert not full({"wscale": 0}, {"wscale": 3})


def test_a_window_scale_beyond_14_is_14() -> None:
    talk = Talk().c(0, "S", wscale=0).s(10, "S.", wscale=15).c(11, ".").s(12, ".", window=1)
    notes = check(talk.c(20, "P.", 1 << 14).rows).notes
    assert notes["events"][-1] & n.WINDOW_FULL


def test_the_window_of_a_syn_is_never_scaled() -> None:
    talk = Talk().c(0, "S", wscale=7).s(10, "S.", wscale=7, window=100).c(11, "P.", 100)
    assert check(talk.rows).notes["events"][-1] & n.WINDOW_FULL


def test_zero_windows_are_counted_each_and_noted_once() -> None:
    talk = Talk().handshake().c(20, "P.", 100).s(30, ".", window=0).s(31, ".", window=0).s(40, ".")
    outcome = check(talk.rows)
    assert outcome.record["destination"]["zero_windows"] == 2
    assert steps(talk, n.ZERO_WINDOW | n.WINDOW_OPENED)[-3:] == [n.ZERO_WINDOW, 0, n.WINDOW_OPENED]


def test_zero_windows_that_mean_nothing() -> None:
    for talk in (
        Talk().c(0, "S", window=0).s(10, "S.", window=0),
        Talk().handshake().s(20, "R.", window=0),
        Talk().handshake().c(20, "F.").s(21, ".", window=0),
        Talk().handshake().s(20, "R.").s(21, ".", window=0),
    ):
        assert check(talk.rows).record["destination"]["zero_windows"] == 0


def test_a_zero_window_after_the_own_fin_still_counts() -> None:
    assert check(Talk().handshake().s(20, "F.").s(21, ".", window=0).rows).record["destination"]["zero_windows"] == 1


def test_mss_is_what_each_side_announced() -> None:
    record = check(Talk().c(0, "S", mss=1_460).s(1, "S.", mss=1_380).c(2, ".", mss=9_000).rows).record
    assert (record["source"]["mss"], record["destination"]["mss"]) == (1_460, 1_380)


# --- close


def test_an_orderly_close() -> None:
    talk = Talk().handshake().c(20, "F.").s(30, ".").s(40, "F.").c(50, ".").c(60, ".")
    outcome = check(talk.rows)
    assert steps(talk, n.FIN_SEEN | n.CLOSED)[-5:] == [n.FIN_SEEN, 0, n.FIN_SEEN | n.CLOSED, n.CLOSED, n.CLOSED]
    assert outcome.record["state"] == State.SF
    assert outcome.record["last_ts"] == START + 40 * MS  # what comes after the close is counted, and no more


def test_idle_is_the_longest_silence_before_the_close() -> None:
    talk = Talk().handshake(rtt=10).c(110, "P.", 1).s(400, ".").c(410, "F.").s(420, "F.").c(4_000, ".")
    assert check(talk.rows).record["idle"] == 290 * MS


def test_what_a_rst_carries_is_not_payload() -> None:
    side = check(Talk().handshake().c(20, "P.", 10).c(21, "R.", 300).rows).record["source"]
    assert (side["payload_bytes"], side["stream_bytes"]) == (10, 10)


def test_fin_and_rst_in_one_packet_is_a_reset_and_no_fin() -> None:
    record = check(Talk().handshake().c(20, "P.", 10).c(21, "FR.").rows).record
    assert record["state"] == State.RSTO
    assert letters(record) == "ShADI"
    assert record["source"]["stream_bytes"] == 10


def test_a_fin_answered_by_fin_after_its_rst_was_a_normal_end() -> None:
    talk = Talk().handshake().c(20, "F.").c(21, "R.").s(30, "F.")
    assert check(talk.rows).record["state"] == State.SF


# --- starting in the middle


def test_numbers_begin_at_the_first_packet_seen() -> None:
    talk = Talk().c(0, "P.", 100, seq=5_000, ack=9_000).s(10, "P.", 50, seq=9_000).c(11, ".")
    record = check(talk.rows).record
    assert (record["source"]["stream_bytes"], record["destination"]["stream_bytes"]) == (100, 50)
    assert record["source"]["missed_bytes"] == record["destination"]["missed_bytes"] == 0
    assert record["state"] == State.OTH


def test_a_side_known_from_acknowledgements_begins_where_its_first_packet_is() -> None:
    talk = Talk().c(0, ".", seq=1, ack=5_000).s(10, "P.", 50, seq=6_000, ack=1)
    outcome = check(talk.rows)
    assert outcome.record["destination"]["stream_bytes"] == 50
    assert outcome.notes["flight"][-1] == 1_050  # the acknowledgement tells what was on its way before


def test_a_challenge_ack_before_the_syn_ack_is_not_its_side_s_beginning() -> None:
    talk = Talk().c(0, "S").s(1, ".", seq=9_000_000, ack=1).s(30, "S.", seq=0, ack=1).c(31, ".", ack=1)
    record = check(talk.rows).record
    assert (record["state"], record["handshake"]) == (State.S1, 31 * MS)
    assert record["destination"]["stream_bytes"] == 0


def test_scripts_begin_where_they_say() -> None:
    rows = Talk().handshake().rows
    assert [row["seq"] for row in rows] == [CLIENT_ISN, SERVER_ISN, CLIENT_ISN + 1]
    assert [row["ack"] for row in rows] == [0, CLIENT_ISN + 1, SERVER_ISN + 1]
    assert rows[0]["present"] == h.PORTS | h.TCP_HEADER
