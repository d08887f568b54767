"""The tracker's bounds: sweeping, draining, making room, reporting what is open; and that none of it changes a record."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.connections import made
from tests.connections.compare import check, run, same, settings
from tests.connections.packets import CLIENT, MS, SECOND, SERVER, START, Row, Talk, icmp, table, udp
from wireverdict.connections.index import MAX_ROWS
from wireverdict.connections.tracker import FIRST_CELLS, Settings, Tracker
from wireverdict.records import CONNECTION

EXAMPLES = effort(max_examples=50, deadline=None)


def driven(rows: NDArray[np.void], given_settings: Settings, sweep_every: int = 10 * SECOND) -> NDArray[np.void]:
    """Records as a pipeline gets them: swept before the packet at which it is due, drained when full."""
    tracker, out = Tracker(given_settings), []
    at, due = 0, 0
    while at < len(rows):
        later = np.flatnonzero(rows["ts"][at:] >= due)
        stop = at + int(later[0]) if len(later) else len(rows)
        if stop == at:
            tracker.sweep(int(rows["ts"][at]))
            out.append(tracker.drain())
            due = int(rows["ts"][at]) + sweep_every
            continue
        at = tracker.track(rows, at, stop)
        if at < stop:
            tracker.make_room()
            out.append(tracker.drain())
    tracker.finish()
    out.append(tracker.drain())
    assert tracker.counts["live"] == 0
    return np.concatenate(out)


def ordered(records: NDArray[np.void]) -> NDArray[np.void]:
    """In an order that does not depend on when they ended."""
    return np.sort(records, order=["first_ts", "sport", "dport", "protocol", "src_lo", "dst_lo", "last_ts"])


@EXAMPLES
@given(made.traffic(), st.sampled_from((1, 7, 60, 400)))
def test_when_connections_are_swept_and_drained_cannot_show(rows: NDArray[np.void], every: int) -> None:
    assert same(ordered(driven(rows, settings(), every * SECOND)), ordered(run(rows).records))


@EXAMPLES
@given(made.traffic(), st.integers(1, 4))
def test_a_tiny_table_loses_no_packet(rows: NDArray[np.void], most: int) -> None:
    records = driven(rows, settings(max_connections=most))
    sides = records["source"], records["destination"]
    assert sum(int(side["packets"].sum()) for side in sides) == len(rows)
    assert sum(int(side["bytes"].sum()) for side in sides) == rows["ip_length"].sum()


TROUBLES = (
    *("payload_bytes", "retransmitted_bytes", "missed_bytes", "throughput_bps", "retransmissions"),
    *("spurious_retransmissions", "out_of_order", "duplicate_acks", "zero_windows", "keep_alives"),
)
TIMES = ("rtt_min", "rtt_p50", "rtt_p95", "rtt_max", "rtt_samples", "rtt_method")


@EXAMPLES
@given(made.traffic(), st.integers(0, 2))
def test_full_side_tables_spoil_only_what_they_hold(rows: NDArray[np.void], room: int) -> None:
    plenty = run(rows)
    scant = run(rows, settings(max_troubled=room, max_histograms=room))
    counts = scant.tracker.counts
    one, other = plenty.records.copy(), scant.records.copy()
    for records in (one, other):
        for side in ("source", "destination"):
            for name in (*TROUBLES, *TIMES):
                records[side][name] = 0
        for name in ("flags_true", "flags_known", "reasons", "history", "history_length"):
            records[name] = 0
    assert same(one, other)
    if not counts["trouble_rows_full"] + counts["histogram_rows_full"]:
        assert same(plenty.records, scant.records)


def test_settings_out_of_range_say_what_is_allowed() -> None:
    for wrong in (0, -1, MAX_ROWS + 1):
        with pytest.raises(ValueError, match=f"max_connections must be 1 to {MAX_ROWS:,}, not"):
            Tracker(Settings(max_connections=wrong))


def test_a_sweep_ends_what_is_overdue_and_nothing_else() -> None:
    rows = Talk().handshake().rows + Talk(sport=2).c(20, "S").rows + [udp(100_000, CLIENT, 9, SERVER, 10)]
    tracker = Tracker(settings())
    tracker.track(table(rows), 0, len(rows))
    ended: list[int] = []
    for second in (75, 76, 160, 161, 300, 301):
        tracker.sweep(START + second * SECOND)
        ended.append(len(tracker.drain()))
    assert ended == [0, 1, 0, 1, 0, 1]


def test_rows_of_ended_connections_can_be_looked_at_until_they_are_drained() -> None:
    rows = table(Talk().handshake().rows + Talk(sport=2).handshake(50).rows)
    tracker = Tracker(settings())
    tracker.track(rows, 0, len(rows))
    assert len(tracker.ended_rows) == 0
    tracker.finish()
    assert tracker.ended_rows.tolist() == [0, 1]
    assert tracker.records(tracker.ended_rows)["sport"].tolist() == [40_000, 2]
    assert tracker.drain()["sport"].tolist() == [40_000, 2]
    assert len(tracker.ended_rows) == 0
    assert len(tracker.drain()) == 0


def test_records_come_in_the_order_in_which_connections_ended() -> None:
    talk, other = Talk().c(0, "S"), Talk(sport=2).c(1, "S")
    rows = table([*talk.rows, *other.rows, *other.c(2, "S", seq=9).rows[1:], *talk.c(3, "S", seq=9).rows[1:]])
    records = run(rows).records
    assert records["sport"].tolist() == [2, 40_000, 2, 40_000]


def test_open_connections_are_those_that_began_before_and_have_not_ended() -> None:
    rows = table(Talk().handshake().rows + Talk(sport=2).handshake(500).rows)
    tracker = Tracker(settings())
    tracker.track(rows, 0, len(rows))
    assert tracker.open_rows(START).tolist() == []
    assert tracker.open_rows(START + 1).tolist() == [0]
    assert tracker.open_rows(START + SECOND).tolist() == [0, 1]
    report = tracker.records(tracker.open_rows(START + 1), final=False)
    assert report.dtype == CONNECTION
    assert report["final"].tolist() == [0]
    tracker.finish()
    assert tracker.open_rows(START + SECOND).tolist() == []


# --- room


def attempts(count: int, start_ms: float = 0) -> list[Row]:
    """So many SYNs that nobody answers, a millisecond apart."""
    return [row for at in range(count) for row in Talk(sport=1_000 + at).c(start_ms + at, "S").rows]


def test_a_full_table_stops_before_the_packet_that_has_no_room() -> None:
    rows = table(attempts(5))
    tracker = Tracker(settings(max_connections=3))
    assert tracker.track(rows, 0, 5) == 3
    assert tracker.track(rows, 3, 5) == 3
    assert tracker.counts["tcp"] == 3
    tracker.make_room()
    assert tracker.drain()["sport"].tolist() == [1_000]
    assert tracker.track(rows, 3, 5) == 4


def test_known_connections_go_on_in_a_full_table() -> None:
    rows = table([*attempts(2), *Talk(sport=1_000).s(5, "S.").c(6, ".", seq=1).rows])
    tracker = Tracker(settings(max_connections=2))
    assert tracker.track(rows, 0, len(rows)) == len(rows)


def test_half_open_connections_go_first_and_the_oldest_of_them() -> None:
    old = Talk(sport=1).handshake().rows
    rows = table([*old, udp(15, CLIENT, 2, SERVER, 3), *attempts(30, 20)])
    tracker = Tracker(settings(max_connections=32))
    assert tracker.track(rows, 0, len(rows)) == len(rows)
    tracker.make_room()  # a sixteenth
    assert tracker.drain()["sport"].tolist() == [1_000, 1_001]
    assert (tracker.evicted_half_open, tracker.evicted_others) == (2, 0)


def test_without_half_open_connections_the_longest_silent_go() -> None:
    talks = [Talk(sport=port).handshake(port) for port in range(1, 17)]
    rows = [row for talk in talks for row in talk.rows] + talks[0].c(900, "P.", 5).rows[-1:]
    tracker = Tracker(settings(max_connections=16))
    tracker.track(table(rows), 0, len(rows))
    tracker.make_room()
    assert tracker.drain()["sport"].tolist() == [2]
    assert (tracker.evicted_half_open, tracker.evicted_others) == (0, 1)


def test_answered_attempts_and_other_protocols_are_not_half_open() -> None:
    rows = [*Talk(sport=1).c(0, "S").s(1, "S.").rows, udp(2, CLIENT, 2, SERVER, 3), icmp(3, CLIENT, SERVER, 8)]
    tracker = Tracker(settings(max_connections=4))
    tracker.track(table(rows), 0, len(rows))
    tracker.make_room()
    assert (tracker.evicted_half_open, tracker.evicted_others) == (0, 1)


def test_evicted_and_drained_connections_are_not_found_again() -> None:
    rows = table([*attempts(4), *Talk(sport=1_000).s(10, "S.").rows])
    tracker = Tracker(settings(max_connections=4))
    tracker.track(rows, 0, 4)
    tracker.make_room()
    tracker.drain()
    assert tracker.track(rows, 4, 5) == 5
    assert tracker.counts["tcp"] == 5
    assert tracker.counts["live"] == 4


def test_a_flood_stays_bounded_and_every_syn_is_in_a_record() -> None:
    flood = attempts(3_000)
    records = driven(table(flood), settings(max_connections=64))
    assert sorted(records["sport"].tolist()) == [1_000 + at for at in range(3_000)]


def test_rows_of_one_connection_are_given_to_the_next() -> None:
    tracker = Tracker(settings(max_connections=2))
    for round_ in range(50):
        rows = table(Talk(sport=round_ + 1).handshake(round_).c(round_ + 50, "P.", 9, seq=20).s(round_ + 60, ".").rows)
        assert tracker.track(rows, 0, len(rows)) == len(rows)
        tracker.finish()
        record = tracker.drain()[0]
        assert (record["source"]["missed_bytes"], record["handshake"]) == (19, 10 * MS)
    assert tracker.counts["tcp"] == 50


def test_counts() -> None:
    rows = [*attempts(2), udp(9, CLIENT, 1, SERVER, 2), icmp(10, CLIENT, SERVER, 8), icmp(11, SERVER, CLIENT, 0)]
    counts = check(rows).tracker.counts
    assert (counts["tcp"], counts["udp"], counts["icmp"], counts["live"]) == (2, 1, 1, 0)


def test_a_live_connection_costs_less_than_256_bytes() -> None:
    tracker = Tracker(Settings())
    rows = len(tracker.conn)
    assert (tracker.conn.nbytes + tracker.half.nbytes + tracker.table.nbytes) / rows < 256


def test_an_index_that_grows_finds_what_one_of_full_size_finds() -> None:
    """Rows are given out in order of packets, whatever the size of the index."""
    count = 3 * FIRST_CELLS
    rows = np.repeat(table([udp(0, CLIENT, 0, SERVER, 443)]), 2 * count)
    rows["ts"] += np.arange(2 * count)
    rows["sport"] = np.arange(2 * count) % count  # each is seen twice
    told = []
    for first in (FIRST_CELLS, 1 << 18):
        tracker = Tracker(Settings(max_connections=1 << 17))
        tracker.table = np.zeros(first, np.uint32)
        for start in range(0, 2 * count, 5_000):
            stop = min(start + 5_000, 2 * count)
            assert tracker.track(rows, start, stop) == stop
            assert tracker.live <= len(tracker.table) // 2
        assert np.count_nonzero(tracker.table) == tracker.live == count
        assert tracker.finish()
        told.append(tracker.drain())
    assert len(told[0]) == count
    assert told[0].tobytes() == told[1].tobytes()
    assert (told[0]["source"]["packets"] == 2).all()
