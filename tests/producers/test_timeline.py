from __future__ import annotations

import gzip
import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import timeline
from producers.timeline import Timeline, open_timeline, rank
from tests.producers.read import packets_of
from tests.producers.writer import Packet, pcap, pcapng

SECOND = 10**9


def run(inputs: list[Path] | Path, **settings: Any) -> tuple[list[Packet], Timeline]:
    line = open_timeline(inputs, **settings)  # type: ignore[arg-type]
    return [packet for batch in line for packet in packets_of(batch)], line


def write(directory: Path, parts: list[list[Packet]], kinds: str = "pppp") -> list[Path]:
    paths = []
    for number, part in enumerate(parts):
        kind = kinds[number % len(kinds)]
        content = pcapng(part) if kind == "n" else pcap(part)
        path = directory / f"part-{number}"
        path.write_bytes(gzip.compress(content) if kind == "z" else content)
        paths.append(path)
    return paths


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_splits_and_batches_do_not_show(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Disorder within the horizon (and within a second, in files cut so short) comes out as a stable sort."""
    steps = data.draw(st.lists(st.integers(-3, 9), min_size=1, max_size=60))
    scale = data.draw(st.sampled_from([1, 1000, SECOND // 1000]))
    times = 1_700_000_000 * SECOND + np.cumsum(steps) * scale
    packets = [Packet(int(ts), i.to_bytes(2, "big") * (i % 5), 100) for i, ts in enumerate(times)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packets)), max_size=5)))
    edges = [0, *cuts, len(packets)]
    parts = [packets[a:b] for a, b in pairwise(edges)]
    paths = write(tmp_path_factory.mktemp("split"), parts, data.draw(st.text("pnz", min_size=1, max_size=4)))
    batch = data.draw(st.integers(1, 70) | st.just(65_536))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "BLOCK", data.draw(st.integers(1, 9) | st.just(8192)))
        found, line = run(paths, batch=batch)
    assert found == sorted(packets, key=lambda packet: packet.ts)
    assert [report.packets for report in line.reports] == [len(part) for part in parts]
    assert all(report.error is None for report in line.reports)
    assert line.bytes_read == line.bytes_total == sum(path.stat().st_size for path in paths)


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    horizon=st.integers(0, 20),
)
def test_batches_do_not_show_beyond_the_horizon_either(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], cuts: list[int], horizon: int
) -> None:
    packets = [Packet(ts, bytes([i]), 1) for i, ts in enumerate(times)]
    edges = [0, *sorted(min(cut, len(packets)) for cut in cuts), len(packets)]
    parts = [packets[a:b] for a, b in pairwise(edges)]
    paths = write(tmp_path_factory.mktemp("split"), parts)
    seen = []
    for batch, block in ((1, 1), (7, 3), (65_536, 8192)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timeline, "BLOCK", block)
            seen.append(run(paths, batch=batch, reorder=horizon)[0])
    assert seen[0] == seen[1] == seen[2]
    assert sorted(seen[0]) == sorted(packets)


def test_larger_files_interleaved_overlapping_and_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 5 * SECOND, 30_000))
    packets = [Packet(int(ts), i.to_bytes(4, "big"), 60) for i, ts in enumerate(times)]
    owner = np.where(np.arange(30_000) < 10_000, 0, np.where(np.arange(30_000) < 20_000, rng.integers(0, 3, 30_000), 3))
    parts = [[packets[i] for i in np.flatnonzero(owner == number)] for number in range(4)]
    paths = write(tmp_path, parts, "pzn")
    for order in (paths, paths[::-1]):
        found, _ = run(order, batch=1000)
        assert [packet.ts for packet in found] == times.tolist()
        assert sorted(found) == sorted(packets)


def test_files_given_in_the_wrong_order_come_in_the_order_of_time(tmp_path: Path) -> None:
    """Even at a tie, since they begin a second apart."""
    early, late = [Packet(0, b"a", 1), Packet(SECOND, b"b", 1)], [Packet(SECOND, b"c", 1), Packet(SECOND + 1, b"d", 1)]
    paths = write(tmp_path, [late, early])
    found, line = run(paths)
    assert [packet.data for packet in found] == [b"a", b"b", b"c", b"d"]
    assert [report.path for report in line.reports] == [str(path) for path in paths]


def test_rank_keeps_the_given_order_of_files_that_begin_together() -> None:
    assert rank({0: 500, 1: 400, 2: 5 * SECOND, 3: 4 * SECOND}) == {0: 0, 1: 1, 3: 2, 2: 3}
    assert rank({0: 0, 1: SECOND - 1, 2: 2 * SECOND}) == {0: 0, 1: 1, 2: 2}


def test_file_numbers_and_errors(tmp_path: Path) -> None:
    paths = write(tmp_path, [[Packet(5, b"a", 1)], [Packet(4, b"b", 1)]])
    (tmp_path / "empty").write_bytes(b"")
    inputs = [paths[0], tmp_path / "empty", tmp_path / "missing", paths[1]]
    line = open_timeline(inputs)
    assert [int(row["file"]) for batch in line for row in batch.frames] == [3, 0]
    errors = [report.error or "" for report in line.reports]
    assert [error[:6] for error in errors] == ["", "empty:", "no suc", ""]


def test_directory_of_rotated_files(tmp_path: Path) -> None:
    parts = [[Packet(number * 100, bytes([number]), 1)] for number in range(12)]
    for number, part in enumerate(parts):
        (tmp_path / f"cap{number}").write_bytes(pcap(part))
    (tmp_path / "notes.txt").write_text("not a capture")
    (tmp_path / "cap12").write_bytes(b"")
    (tmp_path / "deeper").mkdir()
    found, line = run(tmp_path)
    assert [packet.data[0] for packet in found] == list(range(12))
    assert [Path(report.path).name for report in line.reports] == [f"cap{number}" for number in range(12)]


def test_more_files_than_may_be_open(tmp_path: Path) -> None:
    """Files that follow each other are opened one after another."""
    parts = [[Packet(number * 100, bytes(3), 3), Packet(number * 100 + 99, bytes(3), 3)] for number in range(60)]
    paths = write(tmp_path, parts)
    line = open_timeline(paths)
    open_files = [len(os.listdir("/proc/self/fd")) for _ in line]
    assert max(open_files) - min(open_files) <= 4
    assert sum(report.packets for report in line.reports) == 120


def test_follow_gives_frames_as_they_are_written(tmp_path: Path) -> None:
    packets = [Packet(i, bytes([i]) * 5, 5) for i in (3, 1, 2)]
    content = pcap(packets)
    path = tmp_path / "growing"
    path.write_bytes(b"")
    chunks = [content[:10], content[10:30], content[30:50], content[50:]]
    found: list[Packet] = []
    seen = []

    def wait() -> bool:
        seen.append(len(found))
        if not chunks:
            return False
        with path.open("ab") as file:
            file.write(chunks.pop(0))
        return True

    line = open_timeline([path], follow=True, wait=wait)
    for batch in line:
        found += packets_of(batch)
    assert found == packets
    assert seen == [0, 0, 0, 1, 3]
    assert line.reports[0].error is None
    assert line.bytes_total is None
    assert line.bytes_read == len(content)


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch"):
        open_timeline([tmp_path], batch=0)
    with pytest.raises(ValueError, match="reorder"):
        open_timeline([tmp_path], reorder=-1)
    with pytest.raises(ValueError, match="one capture at a time"):
        open_timeline(["a", "b"], follow=True)
    assert run([])[0] == []


def test_rest_gives_what_had_been_read_when_one_stops(tmp_path: Path) -> None:
    packets = [[Packet(number + 3 * i, bytes([number, i]), 2) for i in range(50)] for number in range(3)]
    everything = sorted(packet for part in packets for packet in part)
    paths = write(tmp_path, packets)
    line = open_timeline(paths, batch=7)
    batches = iter(line)
    found = [packet for _ in range(4) for packet in packets_of(next(batches))]
    batches.close()  # type: ignore[attr-defined]
    found += [packet for batch in line.rest() for packet in packets_of(batch)]
    assert found == everything
    assert list(line.rest()) == []


def test_rest_after_an_interrupt_while_a_pipe_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    packets = [Packet(i, bytes([i]), 1) for i in range(9)]
    keep = os.open(path, os.O_RDWR)  # so that opening does not wait, and reading does
    os.write(keep, pcap(packets))

    def alarm(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    line = open_timeline([path])
    try:
        with pytest.raises(KeyboardInterrupt):
            next(iter(line))
    finally:
        signal.signal(signal.SIGALRM, before)
        os.close(keep)
    assert [packet for batch in line.rest() for packet in packets_of(batch)] == packets
    assert line.bytes_total is None
