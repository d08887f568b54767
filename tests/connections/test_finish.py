"""From table rows to records: sizes, throughput, percentiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.connections.compare import bucket_edges, check, settings
from tests.connections.packets import CLIENT, MS, SERVER, START, Talk, halves, table, udp
from wireverdict.connections.tracker import Tracker
from wireverdict.headers import UDP
from wireverdict.records import RttMethod


def timed(times_us: list[int]) -> Talk:
    """Data packets of which each is acknowledged after its time."""
    talk, now = Talk().c(0, ".", seq=1, ack=1).s(0, ".", seq=1), 1.0
    for us in times_us:
        talk.c(now, "P.", 10)
        now += us / 1000
        talk.s(now, ".")
        now += 1
    return talk


def test_a_record_is_about_the_originator_first() -> None:
    for client, server in ((CLIENT, SERVER), (SERVER, CLIENT)):
        record = check(Talk(client=client, server=server).handshake().c(20, "P.", 7).rows).record
        assert (record["src_hi"], record["src_lo"]) == halves(client)
        assert (record["dst_hi"], record["dst_lo"]) == halves(server)
        assert (record["sport"], record["dport"]) == (40_000, 443)
        assert (record["source"]["payload_bytes"], record["destination"]["payload_bytes"]) == (7, 0)


def test_packets_and_bytes() -> None:
    record = check(Talk().handshake().c(20, "P.", 100).s(21, ".").rows).record
    assert (record["source"]["packets"], record["source"]["bytes"]) == (3, 40 + 40 + 140)
    assert (record["destination"]["packets"], record["destination"]["bytes"]) == (2, 80)


def test_udp_has_payload_and_no_stream() -> None:
    record = check([udp(0, CLIENT, 40_000, SERVER, 53, 30), udp(9, SERVER, 53, CLIENT, 40_000, 300)]).record
    assert record["protocol"] == UDP
    assert (record["source"]["payload_bytes"], record["destination"]["payload_bytes"]) == (30, 300)
    assert record["source"]["stream_bytes"] == record["source"]["rtt_samples"] == 0
    assert record["handshake"] == -1
    assert (record["first_ts"], record["last_ts"], record["idle"]) == (START, START + 9 * MS, 9 * MS)


def test_throughput_is_of_the_stream_over_the_time_of_data() -> None:
    talk = Talk().handshake()
    for packet in range(11):
        talk.c(100 + 100 * packet, "P.", 1_000)
    record = check(talk.s(5_000, ".").rows).record
    assert record["source"]["throughput_bps"] == pytest.approx(11_000 * 8, rel=1e-4)
    assert record["destination"]["throughput_bps"] == 0


def test_repeats_and_what_was_missed_are_no_throughput() -> None:
    plain = Talk().handshake().c(20, "P.", 1_000).c(1_020, "P.", 1_000)
    repeated = Talk().handshake().c(20, "P.", 1_000).c(500, "P.", 1_000, seq=1).c(1_020, "P.", 1_000)
    holed = Talk().handshake().c(20, "P.", 1_000).c(1_020, "P.", 1_000, seq=5_001).s(1_030, ".")
    bps = {int(check(talk.rows).record["source"]["throughput_bps"]) for talk in (plain, repeated, holed)}
    assert bps == {16_000}


def test_no_throughput_under_a_millisecond() -> None:
    assert (
        check(Talk().handshake().c(20, "P.", 9_000).c(20.9, "P.", 9_000).rows).record["source"]["throughput_bps"] == 0
    )


def test_no_throughput_beyond_the_clock_of_data() -> None:
    hours = 3_600_000
    long = settings(tcp_idle=1e6)
    for last, known in ((19 * hours, True), (20 * hours, False)):
        talk = Talk().handshake().c(20, "P.", 1_000).c(last, "P.", 100_000_000)
        assert (check(talk.rows, long).record["source"]["throughput_bps"] > 0) == known


@pytest.mark.parametrize(
    ("times", "p50", "p95"), [([], 0, 0), ([7], 7, 7), ([9, 4], 6, 9), ([30, 10, 20], 20, 30), ([5, 5, 1], 5, 5)]
)
def test_up_to_three_times_are_exact(times: list[int], p50: int, p95: int) -> None:
    side = check(timed(times).rows).record["source"]
    assert (side["rtt_p50"], side["rtt_p95"], side["rtt_samples"]) == (p50, p95, len(times))
    assert (side["rtt_min"], side["rtt_max"]) == ((min(times), max(times)) if times else (0, 0))


@effort(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 2_000_000), min_size=4, max_size=60))
def test_percentiles_are_in_the_bucket_of_their_sample(times: list[int]) -> None:
    side = check(timed(times).rows).record["source"]
    for name, percent in (("rtt_p50", 50), ("rtt_p95", 95)):
        sample = int(np.percentile(times, percent, method="lower"))
        low, high = bucket_edges(sample)
        assert max(low, min(times)) <= side[name] <= min(high, max(times))
        assert abs(int(side[name]) - sample) <= max(1, sample / 8)


@pytest.mark.parametrize("spread", [0.1, 0.5, 1.5])
def test_percentiles_of_a_smooth_distribution_are_within_a_few_percent(spread: float) -> None:
    dice = np.random.default_rng(5)
    times = np.round(20_000 * dice.lognormal(0, spread, 800)).astype(int)
    side = check(timed(times.tolist()).rows, settings(tcp_idle=1e6)).record["source"]
    assert (side["rtt_samples"], side["rtt_method"]) == (800, RttMethod.SEQ_ACK)
    for name, percent in (("rtt_p50", 50), ("rtt_p95", 95)):
        assert side[name] == pytest.approx(np.percentile(times, percent), rel=0.03)


def test_the_table_is_not_changed_by_a_report() -> None:
    tracker = Tracker(settings())
    rows = table(Talk().handshake().c(20, "P.", 100).rows)
    tracker.track(rows, 0, len(rows))
    before = tracker.conn.copy(), tracker.half.copy()
    first = tracker.records(np.array([0], np.int32), final=False)
    assert first["final"].tolist() == [0]
    assert np.array_equal(before[0], tracker.conn)
    assert np.array_equal(before[1], tracker.half)
    tracker.finish()
    last = tracker.drain()
    assert last["final"].tolist() == [1]
    first["final"] = 1
    assert np.array_equal(first, last)
