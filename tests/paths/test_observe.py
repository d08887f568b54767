"""The kernel that looks at every packet against a slow account of what it should keep."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.paths.network import SECOND, START
from wireverdict.connections.notes import ACK_ADVANCED, DATA, FROM_RESPONDER, NEW, NOTE, RETRANSMISSION, RTT_SAMPLE
from wireverdict.headers import ACK, HEADER, TCP, TIMESTAMPS
from wireverdict.kernels import kernel
from wireverdict.paths import Paths, PathSettings, layout
from wireverdict.paths.events import ACKS, GAP, HIGH, REPEAT
from wireverdict.paths.layout import BINS, CHUNK, FAR, NEAR, SAMPLES
from wireverdict.paths.observe import coarse, fine

MS = 1_000_000
SMALL = PathSettings(max_slots=64, max_members=64, max_pairs=64, max_chunks=64, max_rings=64, bulk=3)


class Traffic:
    """Rows of headers and notes, built packet by packet."""

    def __init__(self) -> None:
        self.packets: list[tuple[dict[str, int], dict[str, int]]] = []

    def add(self, ms: float, slot: int, back: bool = False, pair: int = 0, events: int = 0, **more: int) -> None:
        ends = {"src_lo": 10 + pair, "dst_lo": 100 + pair, "sport": 1000 + slot, "dport": 80}
        if back:
            ends = {"src_lo": ends["dst_lo"], "dst_lo": ends["src_lo"], "sport": 80, "dport": ends["sport"]}
        header = {"ts": START + round(ms * MS), "protocol": TCP, "tcp_flags": ACK, "ip_length": 52} | ends
        note = {"slot": slot, "events": events | (FROM_RESPONDER if back else 0)}
        for name, value in more.items():
            (note if name in ("rtt", "acked", "flight") else header)[name] = value
        header["ip_length"] += header.get("payload_length", 0)
        self.packets.append((header, note))

    def data(self, ms: float, slot: int, **more: Any) -> None:
        events = more.pop("events", 0) | DATA
        self.add(ms, slot, events=events, payload_length=1000, **more)

    def rows(self) -> tuple[NDArray[np.void], NDArray[np.void]]:
        headers, notes = np.zeros(len(self.packets), HEADER), np.zeros(len(self.packets), NOTE)
        for i, (header, note) in enumerate(self.packets):
            for name, value in header.items():
                headers[name][i] = value
            for name, value in note.items():
                notes[name][i] = value
        return headers, notes

    def watched(self, chosen: PathSettings = SMALL) -> Paths:
        paths = Paths(chosen)
        headers, notes = self.rows()
        paths.observe(headers, notes, 0, len(headers))
        return paths


@kernel()
def both(us: int) -> tuple[int, int]:
    code = coarse(us)
    return code, fine(code)


@given(st.integers(0, 60_000_000))
@settings(deadline=None)
def test_coarse_times_keep_seven_eighths(us: int) -> None:
    code, back = both(us)
    assert 1 <= code <= 255
    assert back <= max(us, 1) <= back * 9 / 8 + 1 or us > 30_000_000


def test_only_busy_connections_are_watched_and_then_all_of_their_pair() -> None:
    traffic = Traffic()
    for k in range(2):
        traffic.data(k, 1, events=NEW if k == 0 else 0)
    assert traffic.watched().counters[layout.TOP_MEMBER] == 0
    traffic.data(2, 1)
    traffic.data(3, 2, events=NEW)  # the same pair: watched from its first packet
    traffic.data(4, 3, pair=5, events=NEW)
    paths = traffic.watched()
    assert paths.counters[layout.TOP_MEMBER] == 2
    assert paths.counters[layout.TOP_PAIR] == 1
    log = paths.events(0)
    assert log["connection"].tolist() == [0, 1]
    assert log["number"].tolist() == [1, 2]
    assert log["payload"].tolist() == [1000, 1000]
    assert paths.members["low_port"][:2].tolist() == [1001, 1002]


def test_what_an_event_holds() -> None:
    traffic = Traffic()
    for k in range(3):
        traffic.data(k, 1, events=NEW if k == 0 else 0)
    traffic.data(3, 1, events=RETRANSMISSION, seq=77, tsval=5, tsecr=6, present=TIMESTAMPS)
    traffic.add(4, 1, back=True, ack=1077, present=TIMESTAMPS, tsval=9)
    event, answer = traffic.watched().events(0)[-2:]
    assert (event["seq"], event["tsval"], event["tsecr"], event["overhead"]) == (77, 5, 6, 52)
    assert event["flags"] & REPEAT
    assert not event["flags"] & HIGH
    assert answer["flags"] & HIGH
    assert answer["flags"] & ACKS
    assert answer["ack"] == 1077


def test_a_new_tenant_of_a_row_starts_afresh() -> None:
    traffic = Traffic()
    for k in range(4):
        traffic.data(k, 1, events=NEW if k == 0 else 0)
    traffic.data(5, 1, pair=9, events=NEW)
    paths = traffic.watched()
    assert paths.slots["member"][1] == 0
    assert paths.slots["sent"][1].tolist() == [1, 0]
    assert paths.members["bits"][0] & layout.DEPARTED


def test_without_loss_the_log_keeps_the_latest_packets() -> None:
    traffic = Traffic()
    for k in range(10 * CHUNK):
        traffic.data(k, 1, seq=k)
    paths = traffic.watched()
    log = paths.events(0)
    assert CHUNK <= len(log) <= 2 * CHUNK
    assert log["seq"][-1] == 10 * CHUNK - 1
    assert paths.counters[layout.CHUNKS_USED] <= 2
    assert not np.any(log["flags"] & GAP)


def test_with_loss_it_keeps_all_of_the_horizon_and_forgets_what_is_old() -> None:
    traffic = Traffic()
    for k in range(10 * CHUNK):
        traffic.data(250 * k, 1, seq=k, events=RETRANSMISSION if k % 50 == 1 else 0)  # 160 s
    chosen = PathSettings(max_slots=64, max_chunks=64, bulk=3, horizon=30.0, lateness=30.0)
    log = traffic.watched(chosen).events(0)
    assert np.array_equal(np.diff(log["seq"].astype(int)), np.ones(len(log) - 1))
    assert 60 / 0.25 <= len(log) <= 60 / 0.25 + 2 * CHUNK


def test_silence_clears_a_pair() -> None:
    traffic = Traffic()
    for k in range(20):
        traffic.data(k, 1, events=RETRANSMISSION)
    traffic.data(100_000, 1, seq=5)
    assert traffic.watched().events(0)["seq"].tolist() == [5]


def test_beyond_the_quota_packets_are_counted_and_marked() -> None:
    traffic = Traffic()
    for k in range(100):
        traffic.data(k, 1, seq=k, events=RETRANSMISSION)
    traffic.data(15_000, 1, seq=1000)
    paths = traffic.watched(PathSettings(max_slots=64, max_chunks=64, bulk=3, quota=64))
    log = paths.events(0)
    assert len(log) == 64 + 1
    assert log["flags"][-1] & GAP
    assert paths.full == {"path_log_quota": 98 - 64}
    assert paths.pairs["skipped"][0] == 98 - 64


def test_full_tables_are_counted() -> None:
    traffic = Traffic()
    for slot in range(64):
        for k in range(70):
            traffic.data(k + 100 * slot, slot, pair=slot, events=RETRANSMISSION | (NEW if k == 0 else 0))
    chosen = PathSettings(max_slots=64, max_chunks=64, bulk=3)
    assert traffic.watched(chosen).full["path_log_full"] > 0
    crowd = Traffic()
    for slot in range(70):
        for k in range(3):
            crowd.data(k + 100 * slot, slot, pair=slot, events=NEW if k == 0 else 0)
    few = PathSettings(max_slots=128, max_members=64, max_pairs=64, max_chunks=512, max_rings=64, bulk=3)
    assert crowd.watched(few).full["watched_pairs_full"] == 6
    one_pair = Traffic()
    for slot in range(70):
        for k in range(3):
            one_pair.data(k + 100 * slot, slot, events=NEW if k == 0 else 0)
    assert one_pair.watched(few).full["watched_connections_full"] >= 6


def test_load_by_the_second() -> None:
    traffic = Traffic()
    for k in range(3):
        traffic.data(k, 1)
    for k in range(30):
        ms = 100 + 100 * k
        traffic.data(ms, 1, flight=1000 * k, present=TIMESTAMPS, tsecr=3 + k, seq=1000 * k, ack=1)
        events = ACK_ADVANCED | RTT_SAMPLE
        more = {"acked": 500, "rtt": 10_000 + k, "present": TIMESTAMPS, "tsval": 4 + k, "ack": 1000 * k}
        traffic.add(ms + 20, 1, back=True, events=events, **more)
    paths = traffic.watched()
    loads = {int(row["second"]) - START // SECOND: row for row in paths.loads[0] if row["second"] >= 0}
    assert sorted(loads) == [0, 1, 2, 3]
    expected: dict[int, list[int]] = defaultdict(list)
    for k in range(30):
        expected[(100 + 100 * k) // 1000].append(k)
    for second, numbers in expected.items():
        row = loads[second]
        sent = len(numbers) + (1 if second == 0 else 0)  # the packet that made it busy is the first
        assert row["packets"] == sent
        assert row["flight"][NEAR] == sum(1000 * k for k in numbers)
        answered = [k for k in range(30) if (120 + 100 * k) // 1000 == second]
        assert row["acked"] == 500 * len(answered)
        assert row["count"][NEAR] == len(answered)
        kept = row["samples"][NEAR, : row["kept"][NEAR]]
        assert min(SAMPLES // 2, len(answered)) <= len(kept) <= SAMPLES
        assert set(kept.tolist()) <= {10_000 + k for k in answered}
        echoed = [k for k in numbers if k > 0]
        assert row["count"][FAR] == len(echoed)
        assert set(row["samples"][FAR, : row["kept"][FAR]].tolist()) == {80_000}
        assert row["flight"][FAR] == sum(1000 * k + 1000 - 1000 * (k - 1) for k in echoed)


def test_handshake_round_trips_are_the_base_of_a_connection_that_becomes_busy() -> None:
    traffic = Traffic()
    traffic.add(0, 1, events=NEW)
    traffic.add(40, 1, back=True, events=RTT_SAMPLE, rtt=40_000)
    traffic.add(41, 1, events=RTT_SAMPLE, rtt=1_000)
    for k in range(3):
        traffic.data(50 + k, 1)
    base = traffic.watched().members["base"][0]
    assert base[1] == pytest.approx(40_000, rel=0.125)  # to the responder, here the higher address
    assert base[0] == pytest.approx(1_000, rel=0.125)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from([1, 40, 900, 3_000])), max_size=120),
    st.integers(1, 50),
)
@settings(max_examples=60, deadline=None)
def test_batches_make_no_difference(steps: list[tuple[int, bool, int]], batch: int) -> None:
    traffic, ms = Traffic(), 0.0
    for slot, lossy, wait in steps:
        ms += wait
        traffic.data(ms, slot, pair=slot % 2, events=RETRANSMISSION if lossy else 0)
    headers, notes = traffic.rows()
    whole, parts = Paths(SMALL), Paths(SMALL)
    whole.observe(headers, notes, 0, len(headers))
    for start in range(0, len(headers), batch):
        parts.observe(headers, notes, start, min(start + batch, len(headers)))
    for name in ("slots", "members", "pairs", "rings", "loads", "oldest", "logs", "counters"):
        assert getattr(whole, name).tobytes() == getattr(parts, name).tobytes()


def test_a_minute_of_load_is_remembered() -> None:
    traffic = Traffic()
    for k in range(100):
        traffic.data(1000 * k, 1)
    kept = traffic.watched().loads[0]["second"]
    assert len(kept) == BINS
    assert sorted(kept.tolist()) == [START // SECOND + k for k in range(40, 100)]
    assert traffic.watched().oldest[0] == START // SECOND + SMALL.bulk - 1


def test_the_first_second_of_a_ring_may_come_late() -> None:
    traffic = Traffic()
    for k in (*range(10, 40), 7, 12, 41):
        traffic.data(1000 * k, 1)
    assert traffic.watched().oldest[0] == START // SECOND + 7
