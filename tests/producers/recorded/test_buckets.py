"""An archive in a bucket: everything that one on disk can do, over the protocol of S3."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars
import pytest
from pyarrow import fs

from producers.recorded.archiving import Archiver, archive
from producers.recorded.source import HeaderSource, Recorded, SourceError, open_source
from producers.recorded.store import HOUR, OWN, Store
from tests.cli.program import run
from tests.producers.recorded.collected import DEMO, ROOT, everything, story
from tests.producers.recorded.test_archiving import PROGRAM
from tests.services.s3 import CREDENTIALS, S3Server, running
from wireverdict.settings import Settings

SETTINGS = Settings()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def where(server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A directory in a bucket of the test's own."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return server.bucket(f"test-{abs(hash(request.node.name))}").format("kept/headers")


def captured() -> list[Recorded]:
    return everything(open_source([str(DEMO)], SETTINGS, sensor="edge", partitions=2))


def source(where: str, **more: object) -> HeaderSource:
    return open_source([f"archive:{where}"], SETTINGS, **more)  # type: ignore[arg-type]


def keep(where: str, sensor: str = "edge") -> Archiver:
    archiver = Archiver(Store(where, write=True), 5_000, sensor)
    for _ in archive(open_source([str(DEMO)], SETTINGS, sensor=sensor, partitions=2), archiver):
        pass
    archiver.store.close()
    return archiver


def files(where: str) -> set[str]:
    """Everything that lies there, below the archive."""
    store = Store(where)
    found = store.fs.get_file_info(fs.FileSelector(store.root, recursive=True))
    return {info.path.removeprefix(f"{store.root}/") for info in found if info.type == fs.FileType.File}


def test_there_and_back_without_loss(where: str) -> None:
    archiver = keep(where)
    assert archiver.cursor.commit > 2
    opened = source(where)
    assert story(everything(opened)) == story(captured())
    assert opened.gaps == []
    assert opened.progress[0] == opened.progress[1]
    expected = {archiver.store.path("edge", archiver.store.entries()[0].hour, n + 1) for n in range(3)}
    assert files(where) == {*expected, f"{OWN}/cursor.json"}  # nothing temporary is left
    half = {"begin": opened.span[0] + 30_000_000_000} if opened.span else {}
    on_disk = open_source([str(DEMO)], SETTINGS, sensor="edge", partitions=2, **half)  # type: ignore[arg-type]
    assert story(everything(source(where, **half))) == story(everything(on_disk))


def test_killed_at_every_step_each_header_is_there_once(where: str) -> None:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    for die in (2, 4, 5, 6, 8, 0):
        command = [sys.executable, "-c", PROGRAM, where, str(DEMO), str(die)]
        status = subprocess.run(command, env=environment, check=False).returncode
        assert status == (-signal.SIGKILL if die else 0)
    assert story(everything(source(where))) == story(captured())
    assert not any(name.startswith(f"{OWN}/new") for name in files(where))


def test_retention_deletes_hours_and_readers_are_told(where: str) -> None:
    archiver = keep(where)
    keep(where, "far")
    hour = archiver.store.entries()[0].hour
    assert Store(where).retain(hour + HOUR - 1) == []
    gone = Store(where).retain(hour + HOUR)
    assert {entry.sensor for entry in gone} == {"edge", "far"}
    assert files(where) == {f"{OWN}/cursor.json"}
    opened = source(where, sensors=["edge"])
    assert everything(opened) == []
    assert [(gap.kind, gap.where) for gap in opened.gaps] == [("retention", "edge")]
    assert keep(where, "new").store.entries()[0].sensor == "new"
    assert [gap.kind for gap in source(where, sensors=["new"]).gaps] == []


def test_a_file_that_somebody_took_away_is_missed(where: str) -> None:
    store = keep(where).store
    store.fs.delete_file(f"{store.root}/{store.entries()[0].path}")
    assert [(gap.kind, gap.many, gap.unit) for gap in source(where).gaps] == [("hole", 1, "files")]


def test_others_read_it_from_the_bucket(server: S3Server, where: str) -> None:
    store = keep(where).store
    many = sum(len(part.batch.rows) for part in captured())
    frame = polars.scan_parquet(
        f"s3://{store.root}/sensor=*/**/*.parquet",
        hive_partitioning=True,
        storage_options={
            "aws_endpoint_url": f"http://127.0.0.1:{server.port}",
            "aws_region": "eu-central-1",
            "aws_allow_http": "true",
            "aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        },
    )
    counted = frame.select(polars.len(), polars.col("sensor").min(), polars.col("hour").min()).collect()
    assert counted.row(0) == (many, "edge", 7)


def test_the_commands_take_it(where: str, tmp_path: Path) -> None:
    written = run("archive", "write", where, DEMO, "--as", "edge")
    assert (written.status, "16,988 headers written" in written.err) == (0, True)
    assert "edge: 1 file," in run("archive", "show", where).out
    told = [tmp_path / "archive.jsonl", tmp_path / "capture.jsonl"]
    for path, sources in zip(told, ([f"archive:{where}"], [str(DEMO), "--as", "edge"]), strict=True):
        assert run("replay", *sources, "--verdicts", path).status == 1
    assert told[0].read_bytes() == told[1].read_bytes() != b""
    compared = run("backtest", f"archive:{where}", "--json")
    assert compared.status == 0
    assert "1 file deleted" in run("archive", "retain", where, "--keep", "0.0001").err


def test_what_cannot_be_reached_is_said(where: str) -> None:
    with pytest.raises(SourceError, match="cannot be used"):
        Store(where.replace("s3://test-", "s3://none-"), write=True)
    with pytest.raises(SourceError, match="no archive"):
        Store(where)
