"""``wireverdict locate``: several sensors of an archive."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from producers.recorded.archiving import Archiver, archive
from producers.recorded.source import Gap, Recorded, open_source
from producers.recorded.store import Store
from tests.cli.program import run
from tests.lab.scenario import CAPTURES
from wireverdict.cli import locating
from wireverdict.cli.locating import read
from wireverdict.headers import HEADER, HeaderBatch
from wireverdict.settings import Settings


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of both ends of a lab's path."""
    where = tmp_path_factory.mktemp("archive") / "a"
    for sensor in ("client", "server"):
        archiver = Archiver(Store(str(where), write=True), 50_000)
        captured = open_source(
            [str(CAPTURES / f"random-loss.{sensor}.pcap.xz")], Settings(), sensor=sensor, partitions=3
        )
        for _ in archive(captured, archiver):
            pass
        archiver.store.close()
    return where


def test_where_segments_were_lost_between_sensors_of_an_archive(kept: Path) -> None:
    told = run("locate", "--json", f"archive:{kept}")
    assert (told.status, told.err) == (0, "")
    (document,) = told.of("loss-location")
    assert document["wireverdict"]["sensors"] == ["client", "server"]
    assert document["wireverdict"]["loss_located"] == "151 of 151 lost segments between sensor client and sensor server"
    page = run("locate", f"archive:{kept}", "--address", "192.0.2.0/24")
    assert "Sensors client and server: 3 connections seen by both: 151 of 151 lost segments between" in page.out
    early = run("locate", "--json", f"archive:{kept}", "--to", "2026-11-23T10:15:30Z")
    assert early.of("loss-location")[0]["wireverdict"]["loss_located"] == "no segment was lost"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["x.pcap"], "x.pcap is neither archive:… nor topic:…; for captures there is wireverdict analyze --sensor"),
        (["archive:{kept}", "--sensor", "client"], "there are headers of client only: it takes two sensors"),
        (["archive:{kept}", "--sensor", "nobody"], "there are headers of no sensor: it takes two sensors"),
        (["archive:{kept}", "--from", "yesterday"], "--from"),
        (["archive:/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_what_cannot_be_is_a_sentence(kept: Path, arguments: list[str], sentence: str) -> None:
    told = run("locate", *(argument.format(kept=kept) for argument in arguments))
    assert (told.status, told.out) == (2, "")
    assert sentence in told.err
    assert "Traceback" not in told.err


def batch(*times: int) -> HeaderBatch:
    rows = np.zeros(len(times), HEADER)
    rows["ts"] = times
    return HeaderBatch(rows, np.zeros(0, np.uint8))


def test_a_sensor_has_seen_what_all_of_its_partitions_have() -> None:
    def some(sensor: str, partition: int, *times: int) -> Recorded:
        return Recorded(sensor, partition, 2, batch(*times), np.array(times, np.int64))

    def tick(sensor: str, partition: int, clock: int) -> Recorded:
        return Recorded(sensor, partition, 2, batch(), np.array([clock], np.int64))

    logs = read([some("a", 0, 10, 20), some("a", 1, 12), some("b", 0, 5, 90), tick("b", 1, 70), tick("c", 0, 3)])
    assert {name: log.span for name, log in logs.items()} == {"a": (10, 12), "b": (5, 70)}


def test_what_is_missing_is_told_and_less_is_borne_with(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Holed:
        """The archive with a gap that it knows of, and without one segment that the server saw."""

        gaps = (Gap("hole", "headers/1", 3, "messages", "never arrived"),)

        def __init__(self) -> None:
            self.inner = open_source([f"archive:{kept}"], Settings())
            self.close = self.inner.close

        def __iter__(self) -> Iterator[Recorded]:
            left_out = False
            for recorded in self.inner:
                rows = recorded.batch.rows
                if (
                    recorded.sensor == "server"
                    and not left_out
                    and (large := np.flatnonzero(rows["payload_length"] > 1_000)).size
                ):
                    kept_rows, left_out = np.delete(rows, large[len(large) // 2]), True
                    recorded = dataclasses.replace(recorded, batch=recorded.batch._replace(rows=kept_rows))
                yield recorded

    monkeypatch.setattr(locating, "open_source", lambda *_, **__: Holed())
    status = locating.run(locating.Options(f"archive:{kept}", json=True))
    out, err = capfd.readouterr()
    assert status == 2
    assert "headers/1: 3 messages: never arrived" in err
    told = json.loads(out)["wireverdict"]["loss_location"]
    assert told["lost_segments"] in (151, 152)
    assert told["unknown_segments"] > 50
