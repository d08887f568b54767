"""Into the archive and back: the same headers, each once, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from producers.recorded.archiving import Archiver, archive
from producers.recorded.captures import CaptureSource
from producers.recorded.source import Recorded, open_source
from producers.recorded.store import HOUR, Store
from tests.producers.recorded.collected import DEMO, ROOT, WITH_QUOTES, everything, story
from wireverdict.settings import Settings

SETTINGS = Settings()
PROGRAM = """
import os, sys
from producers.recorded import store
from producers.recorded.archiving import Archiver, archive
from producers.recorded.captures import CaptureSource
from wireverdict.settings import Settings
where, capture, die = sys.argv[1], sys.argv[2], int(sys.argv[3])
calls = 0
def counted(function):
    def inner(*given, **more):
        global calls
        calls += 1
        if calls == die:
            os.kill(os.getpid(), 9)
        return function(*given, **more)
    return inner
for name in ("put", "_replace", "settle", "commit"):
    setattr(store.Store, name, counted(getattr(store.Store, name)))
os.replace = counted(os.replace)
archiver = Archiver(store.Store(where, write=True), most=5_000)
source = CaptureSource([capture], Settings(), sensor="edge", partitions=2, position=archiver.position)
for _ in archive(source, archiver):
    pass
"""


def keep(where: Path, capture: Path = DEMO, partitions: int = 2, most: int = 5_000, sensor: str = "edge") -> Archiver:
    archiver = Archiver(Store(str(where), write=True), most)
    source = CaptureSource([str(capture)], SETTINGS, sensor=sensor, partitions=partitions)
    for _ in archive(source, archiver):
        pass
    archiver.store.close()
    return archiver


def captured(capture: Path, partitions: int = 2) -> list[Recorded]:
    return everything(open_source([str(capture)], SETTINGS, sensor="edge", partitions=partitions))


def archived(where: Path, **more: object) -> list[Recorded]:
    return everything(open_source([f"archive:{where}"], SETTINGS, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("capture", [DEMO, WITH_QUOTES])
def test_there_and_back(tmp_path: Path, capture: Path) -> None:
    archiver = keep(tmp_path / "a", capture)
    assert story(archived(tmp_path / "a")) == story(captured(capture))
    headers = sum(len(part.batch.rows) for part in captured(capture, 1))
    assert archiver.cursor.headers == headers
    files = list((tmp_path / "a").glob("sensor=*/**/*.parquet"))
    assert sum(file.stat().st_size for file in files) == archiver.cursor.bytes
    assert len(files) > 1


def test_what_was_sampled_says_so_again(tmp_path: Path) -> None:
    parts = [part for part in captured(DEMO, 1) if len(part.batch.rows)]
    shares = [1.0, 0.5, 0.5, 0.25]
    sampled = [
        Recorded("edge", 0, 1, part.batch._replace(sampling=shares[min(place, 3)]), part.clock)
        for place, part in enumerate([*parts, *parts, *parts, *parts][:4])
    ]
    archiver = Archiver(Store(str(tmp_path / "a"), write=True))
    for part in sampled:
        archiver.feed(part)
    archiver.commit(open_source([str(DEMO)], SETTINGS))
    found = [(len(part.batch.rows), part.batch.sampling) for part in archived(tmp_path / "a")]
    for share in set(shares):
        expected = sum(len(part.batch.rows) for part in sampled if part.batch.sampling == share)
        assert sum(rows for rows, sampling in found if sampling == share) == expected


def test_hours_are_apart(tmp_path: Path) -> None:
    source = captured(DEMO)
    shift = HOUR - source[0].clock[0] % HOUR - 30_000_000_000  # thirty seconds before a full hour
    for part in source:
        part.batch.rows["ts"] += shift
        part.clock[:] += shift
    archiver = Archiver(Store(str(tmp_path / "a"), write=True))
    for part in source:
        archiver.feed(part)
    archiver.commit(open_source([str(DEMO)], SETTINGS))
    entries = archiver.store.entries()
    assert len({entry.hour for entry in entries}) == 2
    for entry in entries:
        times = pq.read_table(tmp_path / "a" / entry.path, columns=["time", "clock_ahead"])
        micros = times["time"].cast("int64").to_numpy()
        assert micros.min() * 1000 >= entry.hour
        assert micros.max() * 1000 < entry.hour + HOUR
    assert story(archived(tmp_path / "a")) == story(source)


def test_killed_at_every_step_each_header_is_there_once(tmp_path: Path) -> None:
    expected = story(captured(DEMO))
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    where = tmp_path / "a"
    for die in (2, 3, 4, 5, 6, 7, 9, 0):
        command = [sys.executable, "-c", PROGRAM, str(where), str(DEMO), str(die)]
        status = subprocess.run(command, env=environment, check=False).returncode
        assert status == (-signal.SIGKILL if die else 0)
    assert story(archived(where)) == expected
    headers = sum(len(part.batch.rows) for part in captured(DEMO, 1))
    query = (
        f"select count(*), count(distinct (time, time_ns, src, sport, dst, dns_id, seq)) from '{where}/*/*/*/*.parquet'"
    )
    assert duckdb.connect().execute(query).fetchone()[0] == headers


def test_others_see_sensor_and_hour_as_columns(tmp_path: Path) -> None:
    keep(tmp_path / "a")
    keep(tmp_path / "a", WITH_QUOTES, sensor="far")
    query = f"""select sensor, count(*) from read_parquet('{tmp_path}/a/**/*.parquet', hive_partitioning = true)
        where date = '2026-11-23' group by sensor order by sensor"""
    found = duckdb.connect().execute(query).fetchall()
    counts = [sum(len(part.batch.rows) for part in captured(capture, 1)) for capture in (DEMO, WITH_QUOTES)]
    assert found[0] == ("edge", counts[0])
    assert [sensor for sensor, _ in found] in (["edge", "far"], ["edge"])


def test_a_file_says_where_it_comes_from(tmp_path: Path) -> None:
    keep(tmp_path / "a")
    file = min((tmp_path / "a").glob("sensor=*/**/*.parquet"))
    about = pq.read_metadata(file).metadata[b"wireverdict"]
    assert b'"sensor":"edge"' in about
    assert b'"headers":' in about
    statistics = pq.ParquetFile(file).metadata.row_group(0).column(0).statistics
    assert statistics.min < statistics.max


def test_ticks_are_not_kept_one_by_one(tmp_path: Path) -> None:
    parts = captured(DEMO)
    ticks = [
        Recorded("edge", 0, 2, part.batch._replace(rows=part.batch.rows[:0]), part.clock[-1:])
        for part in parts
        for _ in range(5)
        if not part.end
    ]
    archiver = Archiver(Store(str(tmp_path / "a"), write=True))
    for tick in sorted(ticks, key=lambda tick: int(tick.clock[0])):
        archiver.feed(tick)
    archiver.commit(open_source([str(DEMO)], SETTINGS))
    found = archived(tmp_path / "a")
    assert [part.clock.tolist() for part in found] == [[max(int(tick.clock[0]) for tick in ticks)]]
    assert np.all([len(part.batch.rows) == 0 for part in found])
