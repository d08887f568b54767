"""Shards in processes of their own: the same answer, from checkpoints too, and what goes wrong is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import orjson
import pytest

from producers.recorded.archiving import Archiver, archive
from producers.recorded.crew import Crew, Paced, Task
from producers.recorded.fleet import Item
from producers.recorded.source import Recorded, SourceError, open_source
from producers.recorded.store import Store
from tests.producers.recorded.collected import DEMO, WITH_QUOTES, everything
from tests.producers.recorded.test_fleet import expected, judged
from wireverdict import snapshot
from wireverdict.settings import Settings

SETTINGS = Settings()


def task(spec: list[str], partitions: int = 2, **more: object) -> Task:
    return Task(spec, SETTINGS, {"sensor": "edge", "partitions": partitions}, **more)  # type: ignore[arg-type]


def verdicts(crew: Crew) -> dict[str, list[bytes]]:
    items = [
        Item(heard.sensor, heard.what) for heard in crew if not heard.progress and not isinstance(heard.what, bytes)
    ]
    return {sensor: told for sensor, (_, told) in judged(items).items()}


@pytest.mark.parametrize("processes", [1, 2])
def test_the_same_verdicts_and_as_many_records(processes: int) -> None:
    crew = Crew(task([str(DEMO)]), processes)
    assert verdicts(crew) == {"edge": expected(DEMO)[1]}
    assert crew.totals.records == len(expected(DEMO)[0])
    headers = sum(len(part.batch.rows) for part in everything(open_source([str(DEMO)], SETTINGS)))
    assert crew.totals.headers == headers
    assert crew.totals.counts["headers"] == headers
    assert crew.totals.span is not None


def test_records_come_as_lines() -> None:
    crew = Crew(task([str(WITH_QUOTES)], records=True), 2)
    lines = [line for heard in crew if isinstance(heard.what, bytes) for line in heard.what.splitlines()]
    assert len(lines) == len(expected(WITH_QUOTES)[0])
    assert {orjson.loads(line)["observer"]["name"] for line in lines} == {"edge"}


def test_from_any_checkpoint_it_goes_on_as_it_would_have(tmp_path: Path) -> None:
    where = str(tmp_path / "a")
    archiver = Archiver(Store(where, write=True), 2_000)
    for _ in archive(open_source([str(DEMO)], SETTINGS, sensor="edge", partitions=2), archiver):
        pass
    for place in (1, 3, 6):
        made = Task([f"archive:{where}"], SETTINGS)
        crew, items, kept = Crew(made, 2), [], None
        for seen, heard in enumerate(crew, 1):
            if not heard.progress and not isinstance(heard.what, bytes):
                items.append(Item(heard.sensor, heard.what))
            if seen == place:
                crew.ask()
            if crew.ready:
                kept = snapshot.unpack(snapshot.pack(crew.checkpoint()))
                break
        if kept is None:  # it was over sooner
            continue
        again = Crew(made, 2)
        again.load(kept)
        items += [Item(h.sensor, h.what) for h in again if not h.progress and not isinstance(h.what, bytes)]
        assert judged(items)["edge"][1] == expected(DEMO)[1]
        assert again.totals.records == len(expected(DEMO)[0])
    with pytest.raises(ValueError, match="begun with 2 processes"):
        Crew(made, 1).load(kept or {"members": [b"", b""]})


def test_what_goes_wrong_in_a_process_is_told_here(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no archive in"):
        list(Crew(task([f"archive:{tmp_path}/none"]), 2))


def test_it_waits_until_it_is_time() -> None:
    parts = [part for part in everything(open_source([str(DEMO)], SETTINGS)) if len(part.clock)]
    pace = Paced(100.0)
    assert pace.due(parts[0]) <= (int(parts[0].clock[-1]) - int(parts[0].clock[0])) / 1e11
    later = Recorded("edge", 0, 1, parts[0].batch, parts[0].clock + 1_000_000_000_000)
    assert 9.0 < pace.due(later) < 11.0
    assert Paced(0.0).due(later) == 0.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_leaves_the_end_to_who_began(number: signal.Signals) -> None:
    """A terminal and a service manager send it to all processes; the first one says then how far it went."""
    crew = Crew(task([str(DEMO)]), 1)
    for place, _ in enumerate(crew):
        if not place:
            for child in multiprocessing.active_children():
                assert child.pid
                os.kill(child.pid, number)
    assert crew.totals.records == len(expected(DEMO)[0])
