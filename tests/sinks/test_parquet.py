"""Records as Parquet files, read by DuckDB."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb
import pytest

from sinks.base import Origin, Sink, Unavailable
from sinks.parquet import Parquet, hour, schema
from tests.sinks.conformance import Conformance, Stage
from tests.sinks.made import connection_documents
from wireverdict.sinking import ParquetSettings


class Folder(Stage):
    def __init__(self, path: Path) -> None:
        self.path = path

    def sink(self) -> Sink:
        return Parquet(ParquetSettings(str(self.path)))

    def arrived(self) -> Counter[str]:
        if not list(self.path.rglob("*.parquet")):
            return Counter()
        rows = duckdb.sql(f"select \"event.id\" from read_parquet('{self.path}/*/*.parquet')").fetchall()
        return Counter(name for (name,) in rows)


@pytest.fixture
def stage(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "parquet")


class TestParquet(Conformance):
    def test_a_new_sink_goes_on_where_a_killed_one_stopped(self, stage: Stage) -> None:
        """Messages come whole; what a killed process left half-written has another name."""
        sink = stage.sink()
        sink.open()
        made = connection_documents(5)
        sink.write(made)
        second = stage.sink()
        second.open()
        second.write(made)
        assert stage.arrived() == Counter(document.id for document in made)


def test_what_duckdb_reads(stage: Folder) -> None:
    made = connection_documents(40)
    sink = stage.sink()
    sink.open()
    sink.write(made)
    sink.write(
        [document._replace(origin=Origin("t", 1, 1)) for document in connection_documents(10, seed=3, sensor="b")]
    )
    found = duckdb.sql(
        f"""select hour, count(*), sum("source.bytes"), min("@timestamp")::varchar, count("wireverdict.flags.policed")
        from read_parquet('{stage.path}/*/*.parquet', hive_partitioning=true)
        where "observer.name" = 'gw' group by hour"""
    ).fetchall()
    values = [document.value() for document in made]
    ((name, count, octets, first, judged),) = found
    assert (name, count) == ("2023-11-14T22", 40)
    assert octets == sum(value["source"]["bytes"] for value in values)
    assert first.startswith("2023-11-14 22:13:21")
    assert judged == sum(value["wireverdict"]["flags"]["policed"] is not None for value in values)
    assert sink.whole


def test_records_of_two_hours_are_in_two_places(stage: Folder) -> None:
    early, late = connection_documents(2)
    late = late._replace(body=late.body.replace(b"2023-11-14T22", b"2023-11-15T00"))
    sink = stage.sink()
    sink.open()
    sink.write([early, late])
    assert {path.name for path in stage.path.iterdir()} == {"hour=2023-11-14T22", "hour=2023-11-15T00"}
    assert (hour(early), hour(late)) == ("2023-11-14T22", "2023-11-15T00")


def test_every_file_has_the_same_columns() -> None:
    assert schema().field("source").type.field("port").type == "int64"
    assert schema() is schema()


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        Parquet(ParquetSettings(str(tmp_path / "file" / "x"))).open()
