"""An archive as a source: ranges, shares, from the middle, without messages, and what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from producers.recorded.archiving import Archiver, archive
from producers.recorded.source import Gap, HeaderSource, SourceError, open_source
from producers.recorded.store import HOUR, OWN, Store
from tests.producers.recorded.collected import DEMO, WITH_QUOTES, everything, story
from tests.producers.recorded.test_fleet import expected, run
from wireverdict.settings import Settings

SETTINGS = Settings()
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def kept_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sensors, in several commits."""
    where = tmp_path_factory.mktemp("archive") / "a"
    for sensor, capture in (("edge", DEMO), ("far", WITH_QUOTES)):
        archiver = Archiver(Store(str(where), write=True), 5_000)
        for _ in archive(open_source([str(capture)], SETTINGS, sensor=sensor, partitions=3), archiver):
            pass
        archiver.store.close()
    return where


def source(where: Path, **more: object) -> HeaderSource:
    return open_source([f"archive:{where}"], SETTINGS, **more)  # type: ignore[arg-type]


def test_the_same_answer_as_the_captures(kept_archive: Path) -> None:
    opened = source(kept_archive)
    assert run(everything(opened)) == {"edge": expected(DEMO), "far": expected(WITH_QUOTES)}
    assert opened.gaps == []
    assert opened.progress[0] == opened.progress[1]
    shares = [everything(source(kept_archive, share=(i, 2))) for i in range(2)]
    assert story(shares[0]) | story(shares[1]) == story(everything(source(kept_archive)))
    assert {part.sensor for part in everything(source(kept_archive, sensors=["far"]))} == {"far"}


def test_a_range_of_time_is_that_of_the_capture(kept_archive: Path) -> None:
    clock = int(everything(open_source([str(DEMO)], SETTINGS))[0].clock[0])
    for start, stop in ((20, 50), (0, 30), (50, 500)):
        range_ = {"begin": clock + start * SECOND, "end": clock + stop * SECOND, "addresses": ["198.18.0.0/16"]}
        captured = open_source([str(DEMO)], SETTINGS, partitions=3, sensor="edge", **range_)  # type: ignore[arg-type]
        assert story(everything(source(kept_archive, sensors=["edge"], **range_))) == story(everything(captured))


def test_taken_up_anywhere_it_goes_on_as_it_would_have(kept_archive: Path) -> None:
    clock = int(everything(open_source([str(DEMO)], SETTINGS))[0].clock[0])
    for range_ in ({}, {"begin": clock + 20 * SECOND, "end": clock + 50 * SECOND}):
        opened = source(kept_archive, **range_)
        whole, span = everything(opened), opened.span
        cuts = [place for place, part in enumerate(whole) if part.end]
        for place in (0, 1, 2, 5, cuts[0], cuts[0] + 1, cuts[1], len(whole) - 1):
            opened = source(kept_archive, **range_)
            position = opened.position()
            for _, _ in zip(range(place), opened, strict=False):
                position = opened.position()
            opened.close()
            again = source(kept_archive, **range_, position=orjson.loads(orjson.dumps(position)))
            assert story(everything(again)) == story(whole[place:])
            assert again.span == span
            assert again.counts["headers"] == sum(len(part.batch.rows) for part in whole)


def test_columns_are_enough(kept_archive: Path, tmp_path: Path) -> None:
    for file in kept_archive.glob("sensor=*/**/*.parquet"):
        lean = tmp_path / "b" / file.relative_to(kept_archive)
        lean.parent.mkdir(parents=True, exist_ok=True)
        read = pq.ParquetFile(file)
        with pq.ParquetWriter(lean, read.schema_arrow.remove(len(read.schema_arrow) - 1)) as writer:
            for number in range(read.metadata.num_row_groups):
                writer.write_table(read.read_row_group(number).drop_columns(["message"]))
            writer.add_key_value_metadata({b"wireverdict": read.metadata.metadata[b"wireverdict"]})
    assert story(everything(source(tmp_path / "b"))) == story(everything(source(kept_archive)))


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    where = tmp_path / "a"
    archiver = Archiver(Store(str(where), write=True))
    opened = open_source([str(DEMO)], SETTINGS, sensor="edge", partitions=3)
    opened.gaps.append(Gap("hole", "edge, partition 1", 7, "messages", "never came"))
    for _ in archive(opened, archiver):
        pass
    again = source(where)
    assert [str(gap) for gap in again.gaps] == ["edge, partition 1: 7 messages: never came"]
    hour = archiver.store.entries()[0].hour
    archiver.store.retain(hour + HOUR)
    again = source(where)
    assert everything(again) == []
    assert [gap.kind for gap in again.gaps] == ["hole", "retention"]
    assert [gap.kind for gap in source(where, begin=hour + HOUR).gaps] == ["hole"]


def test_a_file_that_somebody_took_away_is_missed(kept_archive: Path, tmp_path: Path) -> None:
    shutil.copytree(kept_archive, tmp_path / "b")
    next((tmp_path / "b").glob("sensor=edge/**/*.parquet")).unlink()
    opened = source(tmp_path / "b")
    everything(opened)
    assert [(gap.kind, gap.many, gap.unit) for gap in opened.gaps] == [("hole", 1, "files")]
    assert source(tmp_path / "b", sensors=["far"]).gaps == []


def test_what_cannot_be_read(kept_archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no archive"):
        source(tmp_path / "none")
    where = tmp_path / "a"
    (where / OWN).mkdir(parents=True)
    path = where / "sensor=edge" / "date=2026-11-23" / "hour=12" / "0000000001.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"rubbish")
    opened = source(where)
    assert everything(opened) == []
    (gap,) = opened.gaps
    assert (gap.kind, gap.where.endswith("0000000001.parquet in the archive")) == ("damaged", True)
    assert gap.reason.startswith("cannot be read: ")
    pq.write_table(pq.read_table(next(kept_archive.glob("sensor=*/**/*.parquet"))).replace_schema_metadata({}), path)
    opened = source(where)
    assert everything(opened) == []
    assert [gap.reason.partition(": ")[0] for gap in opened.gaps] == ["does not come from wireverdict archive"]


@pytest.mark.parametrize("end", [False, True])
def test_a_damaged_file_costs_no_more_than_itself(kept_archive: Path, tmp_path: Path, end: bool) -> None:
    """Without its end it cannot be opened; with zeros in the middle it can, and some of its row groups can be read."""
    where = tmp_path / "a"
    shutil.copytree(kept_archive, where)
    files = sorted(where.glob("sensor=edge/**/*.parquet"))
    assert len(files) > 2
    data = bytearray(files[1].read_bytes())
    if end:
        del data[len(data) // 2 :]
    else:
        data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    files[1].write_bytes(data)
    opened = source(where)
    found = everything(opened)
    whole, some = story(everything(source(kept_archive))), story(found)
    for key, told in whole.items():
        if key[0] == "far":
            assert some[key] == told
    all_rows, rows = (sum(told.rows for key, told in each.items() if key[0] == "edge") for each in (whole, some))
    assert 0 < rows < all_rows
    (gap,) = opened.gaps
    assert (gap.kind, gap.where) == ("damaged", f"{files[1].relative_to(where)} in the archive")
    again = source(where, position=opened.position())
    assert everything(again) == []
    assert again.gaps == [gap]
