"""The composition: what is due at a moment of packet time is done before the packet that reaches it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.compose import pipeline
from wireverdict.headers import HEADER, PORTS, UDP, HeaderBatch
from wireverdict.pipeline import Pipeline
from wireverdict.settings import Settings
from wireverdict.verdicts import Status, Verdict
from wireverdict.windows.view import WindowView

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
NO_NAMES = np.zeros(0, np.uint8)
MAPPED = 0xFFFF << 32


def made(**tracking: float) -> Pipeline:
    settings = Settings()
    rows = int(tracking.pop("max_connections", 64))
    changed = msgspec.structs.replace(settings.tracking, max_connections=rows, **tracking)
    return pipeline(msgspec.structs.replace(settings, tracking=changed))


def udp(times: NDArray[Any], flows: NDArray[Any]) -> NDArray[np.void]:
    """One UDP packet at each time (s after START) of the flow of that number, each a client of its own."""
    rows = np.zeros(len(times), HEADER)
    rows["ts"] = START + np.round(np.asarray(times, float) * SECOND).astype(np.int64)
    rows["protocol"], rows["present"] = UDP, PORTS
    rows["src_lo"] = MAPPED | 0x0A000000 | np.asarray(flows).astype(np.uint64)
    rows["dst_lo"] = MAPPED | 0xC6336401
    rows["sport"], rows["dport"] = 40_000, 9_999
    rows["ip_length"], rows["payload_length"], rows["frame_length"] = 128, 100, 142
    return rows


def run(made_pipeline: Pipeline, rows: NDArray[np.void], cuts: list[int]) -> list[bytes]:
    """What comes out, in order, as bytes."""
    out = []
    for start, stop in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        made_pipeline.feed_headers(HeaderBatch(rows[start:stop].copy(), NO_NAMES))
        out += made_pipeline.take()
    made_pipeline.finish()
    out += made_pipeline.take()
    return [row.tobytes() for item in out if isinstance(item, np.ndarray) for row in item]


def random_rows(count: int, flows: int, length: float, seed: int) -> NDArray[np.void]:
    random = np.random.default_rng(seed)
    return udp(np.sort(random.uniform(0, length, count)), random.integers(0, flows, count))


def test_batches_do_not_show_even_when_the_table_is_full() -> None:
    rows = random_rows(3_000, 400, 300.0, 1)
    whole = run(made(), rows, [])
    assert whole == run(made(), rows, list(range(1, len(rows), 7)))
    assert whole == run(made(), rows, [1, 2, 1_000, 2_999])
    counted = made()
    run(counted, rows, [])
    assert counted.counters["bounds"]["evicted_others"] > 0
    assert counted.counters["connections"]["udp"] == len(whole)


def test_every_packet_is_in_exactly_one_record() -> None:
    rows = random_rows(2_000, 100, 500.0, 2)
    done = made(max_connections=4_096)
    done.feed_headers(HeaderBatch(rows, NO_NAMES))
    done.finish()
    records = done.take_connections()
    assert int(records["source"]["packets"].sum()) == len(rows)
    assert records["final"].all()


def test_timed_out_connections_come_out_before_the_packet_that_shows_it() -> None:
    done = made()
    done.feed_headers(HeaderBatch(udp(np.array([0, 1, 2]), np.array([1, 2, 1])), NO_NAMES))
    assert len(done.take_connections()) == 0
    done.feed_headers(HeaderBatch(udp(np.array([75.0]), np.array([3])), NO_NAMES))
    ended = done.take_connections()
    assert ended["source"]["packets"].tolist() == [2, 1]
    done.finish()
    assert len(done.take_connections()) == 1


def test_open_connections_are_reported_when_asked_for() -> None:
    rows = udp(np.arange(0, 200, 5.0), np.zeros(40, np.int64))
    done = made(report_open=60.0)
    done.feed_headers(HeaderBatch(rows, NO_NAMES))
    done.finish()
    records = done.take_connections()
    assert records["final"].tolist() == [0, 0, 0, 1]
    assert (np.diff(records["source"]["packets"].astype(np.int64)) > 0).all()
    assert int(records["source"]["packets"][-1]) == len(rows)


def test_nothing_in_nothing_out() -> None:
    done = made()
    done.feed_headers(HeaderBatch(np.zeros(0, HEADER), NO_NAMES))
    done.finish()
    assert done.take() == []
    assert done.counters["packets"] == 0


def test_verdicts_leave_records_and_the_other_way_round() -> None:
    """A one-way stream of DNS-less UDP raises nothing; the two kinds are taken apart without loss."""
    done = made()
    done.feed_headers(HeaderBatch(random_rows(500, 10, 100.0, 3), NO_NAMES))
    done.finish()
    verdicts = done.take_verdicts()
    assert all(verdict.status in Status for verdict in verdicts)
    assert len(done.take_connections()) > 0
    assert done.take() == []


def test_what_was_lost_is_told_with_the_windows_of_its_time() -> None:
    done = made()
    told: dict[int, int] = {}
    step = done.judge.step

    def heard(view: WindowView) -> list[Verdict]:
        told[view.number - START // (10 * SECOND)] = view.capture.reported_drops
        return step(view)

    done.judge.step = heard  # type: ignore[method-assign]
    rows = udp(np.concatenate([np.arange(0, 40), np.arange(80, 120)]), np.zeros(80))
    done.feed_headers(HeaderBatch(rows[:30], NO_NAMES))
    done.lose(100, START + 12 * SECOND, START + 38 * SECOND)  # a third each, and one more
    done.lose(7, START + 50 * SECOND, START + 51 * SECOND)  # where no packet was seen: told with the next window
    done.feed_headers(HeaderBatch(rows[30:], NO_NAMES))
    done.finish()
    assert told == {0: 0, 1: 34, 2: 33, 3: 33, 8: 7, 9: 0, 10: 0, 11: 0}
    assert done.windows == 8


def test_windows_by_count_tell_of_losses_as_they_close() -> None:
    settings = Settings()
    done = pipeline(msgspec.structs.replace(settings, windows=msgspec.structs.replace(settings.windows, packets=10)))
    told: list[int] = []
    step = done.judge.step

    def heard(view: WindowView) -> list[Verdict]:
        told.append(view.capture.reported_drops)
        return step(view)

    done.judge.step = heard  # type: ignore[method-assign]
    rows = udp(np.arange(0, 40), np.zeros(40))
    done.feed_headers(HeaderBatch(rows[:12], NO_NAMES))
    done.lose(9, START + 1 * SECOND, START + 5 * SECOND)
    done.feed_headers(HeaderBatch(rows[12:], NO_NAMES))
    done.finish()
    assert told == [9, 0, 0, 0]


def test_time_that_passes_without_packets_closes_windows() -> None:
    done = made()
    done.feed_headers(HeaderBatch(udp(np.arange(0, 15), np.zeros(15)), NO_NAMES))
    assert done.windows == 0
    done.advance(START + 100 * SECOND)
    assert done.windows == 2
    assert len(done.take_connections()) == 1
