"""The tracking kernel against the plain model of it, and what must hold whatever the packets are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.connections import made
from tests.connections.compare import check, run, same, settings
from tests.connections.packets import CLIENT, SERVER, Talk, icmp, table, udp
from wireverdict import headers as h
from wireverdict.connections import notes as n
from wireverdict.headers import HEADER

EXAMPLES = effort(max_examples=60, deadline=None)
V6 = "2001:db8::1", "2001:db8::2"


@EXAMPLES
@given(made.traffic())
def test_talks_are_accounted_as_the_model_does(rows: NDArray[np.void]) -> None:
    check(rows)


@EXAMPLES
@given(made.wild())
def test_senseless_packets_are_accounted_as_the_model_does(rows: NDArray[np.void]) -> None:
    check(rows)


@EXAMPLES
@given(made.traffic(), st.sets(st.integers(1, 60), max_size=8))
def test_batches_cannot_show(rows: NDArray[np.void], cuts: set[int]) -> None:
    whole, cut = run(rows), run(rows, cuts={at for at in cuts if at < len(rows)})
    assert same(whole.notes, cut.notes)
    assert same(whole.records, cut.records)


def turn(rows: NDArray[np.void], halves: tuple[str, ...]) -> None:
    """All numbers of hosts upside down, but for those that mean something: none (0) and everybody (255.255.255.255)."""
    for half in halves:
        host = rows[half] & np.uint64(0xFFFFFFFF)
        rows[half] ^= np.where((host == 0) | (host == 0xFFFFFFFF), 0, 0xFFFFFFFF).astype(np.uint64)


@EXAMPLES
@given(made.traffic())
def test_which_address_is_the_lower_cannot_show(rows: NDArray[np.void]) -> None:
    turned = rows.copy()
    turn(turned, ("src_lo", "dst_lo", "quoted_src_lo", "quoted_dst_lo"))
    plain, mirror = run(rows), run(turned)
    back = mirror.records.copy()
    turn(back, ("src_lo", "dst_lo"))
    assert same(plain.notes, mirror.notes)
    assert same(plain.records, back)


@EXAMPLES
@given(made.traffic())
def test_every_packet_and_byte_is_in_one_record(rows: NDArray[np.void]) -> None:
    records = run(rows).records
    sides = records["source"], records["destination"]
    assert sum(int(side["packets"].sum()) for side in sides) == len(rows)
    assert sum(int(side["bytes"].sum()) for side in sides) == rows["ip_length"].sum()
    stream = (rows["protocol"] != h.TCP) | (rows["tcp_flags"] & h.RST == 0)
    assert sum(int(side["payload_bytes"].sum()) for side in sides) <= rows["payload_length"][stream].sum()


@EXAMPLES
@given(made.traffic())
def test_a_connection_is_independent_of_others_and_of_former_tenants_of_its_row(rows: NDArray[np.void]) -> None:
    tracker = run(rows).tracker  # all drained: its rows and side rows are used ones now
    fresh = run(rows)
    assert tracker.track(rows, 0, len(rows)) == len(rows)
    events = tracker.notes["events"][: len(rows)]
    assert np.array_equal(events, fresh.notes["events"])
    tracker.finish()
    again = tracker.drain()
    order = ["first_ts", "sport", "dport", "protocol", "src_lo", "dst_lo"]
    assert same(np.sort(again, order=order), np.sort(fresh.records, order=order))


def test_a_packet_of_no_connection_has_an_empty_note() -> None:
    cut = Talk().c(0, "S").rows[0] | {"present": h.PORTS}
    unknown = {**udp(0, CLIENT, 1, SERVER, 2), "protocol": 47}
    fragment = {**udp(0, CLIENT, 1, SERVER, 2), "present": 0}
    outcome = check([cut, unknown, fragment])
    assert outcome.notes["slot"].tolist() == [-1, -1, -1]
    assert not outcome.notes["events"].any()
    assert outcome.tracker.counts["tcp_header_cut"] == 1
    assert outcome.tracker.counts["other_protocol"] == 2
    assert len(outcome.records) == 0


def test_notes_of_former_batches_do_not_shine_through() -> None:
    talk = Talk().handshake().c(20, "P.", 100)
    tracker = run(table(talk.rows)).tracker
    rows = table([{**row, "present": h.PORTS} for row in talk.rows])
    tracker.track(rows, 0, len(rows))
    assert tracker.notes["slot"][: len(rows)].tolist() == [-1] * len(rows)
    assert not tracker.notes["acked"][: len(rows)].any()


@pytest.mark.parametrize(("request_type", "answer"), [(8, 0), (13, 14), (15, 16), (10, 9), (17, 18)])
def test_icmp_requests_and_their_answers_are_one_conversation(request_type: int, answer: int) -> None:
    record = check([icmp(0, CLIENT, SERVER, request_type), icmp(5, SERVER, CLIENT, answer)]).record
    assert (record["sport"], record["dport"]) == (request_type, answer)
    assert record["source"]["packets"] == record["destination"]["packets"] == 1


@pytest.mark.parametrize(("request_type", "answer"), [(128, 129), (133, 134), (135, 136), (130, 131), (144, 145)])
def test_icmp6_requests_and_their_answers_are_one_conversation(request_type: int, answer: int) -> None:
    record = check([icmp(0, V6[0], V6[1], request_type), icmp(5, V6[1], V6[0], answer)]).record
    assert (record["sport"], record["dport"]) == (request_type, answer)


def test_icmp_without_an_answer_is_one_conversation_a_direction_and_code() -> None:
    rows = [icmp(at, *ends, 5, code) for at, (ends, code) in enumerate([((CLIENT, SERVER), 0), ((SERVER, CLIENT), 0)])]
    records = check([*rows, icmp(3, CLIENT, SERVER, 5, 1)]).records
    assert sorted((int(r["sport"]), int(r["dport"])) for r in records) == [(5, 0), (5, 0), (5, 1)]
    assert not records["destination"]["packets"].any()


def test_ipv4_and_ipv6_with_the_same_ports_are_two_connections() -> None:
    rows = Talk().handshake().rows + Talk(client=V6[0], server=V6[1]).handshake().rows
    assert len(check(rows).records) == 2


def test_a_packet_to_oneself_is_tracked() -> None:
    echo = check([icmp(0, CLIENT, CLIENT, 8), icmp(1, CLIENT, CLIENT, 0)]).record
    assert (echo["source"]["packets"], echo["destination"]["packets"]) == (1, 1)
    land = check(Talk(CLIENT, 7, CLIENT, 7).c(0, "S").rows).record
    assert (land["source"]["packets"], land["destination"]["packets"]) == (1, 0)


def test_a_quoted_connection_is_unreachable() -> None:
    syn = Talk().c(0, "S").rows
    outcome = check([*syn, icmp(7, "203.0.113.1", CLIENT, 3, 1, about=syn[0])])
    error = outcome.notes[1]
    assert error["slot"] != outcome.notes[0]["slot"]
    assert error["missed"] == outcome.notes[0]["slot"]
    assert error["events"] == n.NEW | n.ONE_SIDED | n.UNREACHABLE
    assert error["reply_to"] == syn[0]["ts"]


@pytest.mark.parametrize(("kind", "code"), [(3, 4), (11, 0), (12, 0)])
def test_an_error_that_is_not_about_reachability_says_nothing_of_it(kind: int, code: int) -> None:
    query = udp(0, CLIENT, 40_000, SERVER, 53)
    outcome = check([query, icmp(7, "203.0.113.1", CLIENT, kind, code, about=query)])
    assert outcome.notes[1]["slot"] != outcome.notes[0]["slot"]
    assert not outcome.notes[1]["events"] & n.UNREACHABLE


def test_a_quoted_echo_is_found_in_both_families() -> None:
    for source, target, request, kind in ((CLIENT, SERVER, 8, 3), (*V6, 128, 1)):
        echo = icmp(0, source, target, request)
        outcome = check([echo, icmp(1, target, source, kind, 3, about=echo)])
        assert outcome.notes[1]["missed"] == outcome.notes[0]["slot"]
        assert outcome.notes[1]["events"] & n.UNREACHABLE


def test_a_quoted_error_that_counts_elsewhere_is_evidence_and_no_packet() -> None:
    query = udp(0, CLIENT, 40_000, SERVER, 53)
    rows = table([query, icmp(1, "203.0.113.1", CLIENT, 3, 3, about=query)])
    both = run(rows)
    rows["present"][1] |= h.QUOTED_ONLY
    only = run(rows)
    assert only.tracker.counts["icmp"] == 0
    assert (only.notes[1]["slot"], only.notes[1]["missed"]) == (-1, only.notes[0]["slot"])
    assert only.notes[1]["events"] == n.UNREACHABLE
    assert only.records.tobytes() == both.records[:1].tobytes()


def test_an_error_about_an_unknown_connection_is_a_conversation_of_its_own() -> None:
    outcome = check([icmp(0, SERVER, CLIENT, 3, 1, about=udp(0, CLIENT, 1, SERVER, 2))])
    assert outcome.notes[0]["events"] & n.NEW
    assert not outcome.notes[0]["events"] & n.UNREACHABLE


@pytest.mark.parametrize(
    ("rows", "originator"),
    [
        (Talk().c(0, "S").rows, CLIENT),
        (Talk().s(0, "S.").rows, CLIENT),
        (Talk().s(0, "P.", 10).rows, CLIENT),
        (Talk(dport=50_000).s(0, "P.", 10).rows, SERVER),
        (Talk(sport=22, dport=443).c(0, "P.", 10).rows, SERVER),
        (Talk(sport=443, dport=22).c(0, "P.", 10).rows, CLIENT),
        (Talk(sport=443, dport=443).c(0, "P.", 10).rows, CLIENT),
        ([udp(0, SERVER, 53, CLIENT, 40_000)], CLIENT),
        ([udp(0, CLIENT, 40_000, SERVER, 53)], CLIENT),
        ([udp(0, SERVER, 53, CLIENT, 123)], SERVER),
        ([udp(0, SERVER, 40_000, CLIENT, 50_000)], SERVER),
    ],
)
def test_who_began(rows: list[dict[str, int]], originator: str) -> None:
    record = check(rows).record
    sent_by_originator = record["source"]["packets"] == 1
    sender_is_originator = (int(rows[0]["src_hi"]), int(rows[0]["src_lo"])) == (record["src_hi"], record["src_lo"])
    assert sent_by_originator == sender_is_originator
    client = Talk(client=originator).c(0, "S").rows[0]
    assert (record["src_hi"], record["src_lo"]) == (client["src_hi"], client["src_lo"])
    assert bytes(record["history"]).startswith(b"^") == (not sent_by_originator)


def test_time_outs_are_by_packet_time_and_by_state() -> None:
    limits = {"tcp_idle": 300.0, "tcp_attempt": 75.0, "tcp_linger": 5.0, "udp_idle": 60.0, "icmp_idle": 60.0}
    given_limits = settings(**limits)

    def connections(rows: list[dict[str, int]]) -> int:
        return len(check(rows, given_limits).records)

    def talk_after(seconds: float) -> list[dict[str, int]]:
        return Talk().handshake(rtt=0).c(seconds * 1e3, "P.", 10).rows

    assert [connections(talk_after(s)) for s in (300, 300.001)] == [1, 2]
    assert [connections(Talk().c(0, "S").c(s * 1e3, "S", seq=0).rows) for s in (75, 75.001)] == [1, 2]
    closed = [Talk().handshake(rtt=0).c(0, "F.").s(0, "F.").c(s * 1e3, ".").rows for s in (5, 5.001)]
    assert [connections(rows) for rows in closed] == [1, 2]
    datagrams = [[udp(s, CLIENT, 1, SERVER, 2) for s in (0, last)] for last in (60_000, 60_001)]
    echoes = [[icmp(s, CLIENT, SERVER, 8) for s in (0, last)] for last in (60_000, 60_001)]
    assert [connections(rows) for rows in datagrams + echoes] == [1, 2, 1, 2]


def test_time_that_goes_backwards_ends_nothing_and_lowers_nothing() -> None:
    talk = Talk().handshake(1_000_000).c(999_000, "P.", 100).s(998_000, ".")
    record = check(talk.rows).record
    assert record["last_ts"] - record["first_ts"] == 10_000_000
    assert record["source"]["rtt_samples"] == 1  # the SYN's; the data were acknowledged before they were sent


def test_ip_bytes_carry_beyond_32_bits() -> None:
    big = 3_000_000_000
    rows = table([{**udp(at, CLIENT, 40_000, SERVER, 53), "ip_length": big, "payload_length": big} for at in range(5)])
    record = check(rows).record
    assert record["source"]["bytes"] == 5 * big
    assert record["source"]["payload_bytes"] == 5 * big


def test_rows_between_start_and_stop_only_are_accounted() -> None:
    tracker = run(table([])).tracker
    rows = table(Talk().handshake().rows)
    assert rows.dtype == HEADER
    assert tracker.track(rows, 1, 2) == 2
    assert tracker.counts["tcp"] == 1
    tracker.finish()
    assert tracker.drain()["destination"]["packets"].tolist() == [1]


def test_an_error_about_a_connection_that_has_timed_out_is_not_about_it() -> None:
    query = udp(0, CLIENT, 40_000, SERVER, 53)
    for late, found in ((60_000, True), (60_001, False)):
        outcome = check([query, icmp(late, SERVER, CLIENT, 3, 3, about=query)])
        assert bool(outcome.notes[1]["events"] & n.UNREACHABLE) == found
