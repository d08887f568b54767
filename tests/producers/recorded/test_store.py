"""Names of files, commits that a death cannot halve, retention."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.recorded.source import SourceError
from producers.recorded.store import HOUR, OWN, Cursor, Entry, Store

NOON = 1_795_435_200_000_000_000  # 2026-11-23 12:00 UTC


def test_names_say_sensor_and_hour(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "a"), write=True)
    for sensor in ("edge", "a/b=c d", "ü"):
        path = store.path(sensor, NOON, 7)
        store.put(path, b"x")
        assert Entry(path, sensor, NOON, 7) in store.entries()
    assert store.path("edge", NOON, 7) == "sensor=edge/date=2026-11-23/hour=12/0000000007.parquet"
    assert len(store.entries()) == 3
    (tmp_path / "a" / "sensor=edge" / "notes.parquet").write_text("not ours")
    assert len(store.entries()) == 3


def test_a_directory_is_an_archive_once_somebody_writes(tmp_path: Path) -> None:
    assert not Store(str(tmp_path)).begun
    Store(str(tmp_path), write=True).close()
    assert Store(str(tmp_path)).begun


def test_a_commit_is_whole_or_not_at_all(tmp_path: Path) -> None:
    where = str(tmp_path / "a")
    store = Store(where, write=True)
    final = store.path("edge", NOON, 1)
    store.put(store.temporary(final), b"first")
    store.close()  # died before the cursor
    store = Store(where, write=True)
    store.settle(store.cursor())
    assert store.entries() == []
    assert list((tmp_path / "a" / OWN / "new").iterdir()) == []
    store.put(store.temporary(final), b"second")
    store._replace(Cursor(1, {"x": {"at": 5}}, [(store.temporary(final), final)]))
    store.close()  # died before the names
    store = Store(where, write=True)
    assert store.cursor().positions == {"x": {"at": 5}}
    store.settle(store.cursor())
    store.settle(store.cursor())
    assert [entry.path for entry in store.entries()] == [final]
    assert (tmp_path / "a" / final).read_bytes() == b"second"


def test_one_writer_at_a_time_and_readers_need_something(tmp_path: Path) -> None:
    where = str(tmp_path / "a")
    store = Store(where, write=True)
    with pytest.raises(SourceError, match="another process"):
        Store(where, write=True)
    Store(where)
    store.close()
    Store(where, write=True).close()
    with pytest.raises(SourceError, match="no archive"):
        Store(str(tmp_path / "b"))
    with pytest.raises(SourceError, match="cannot be used"):
        Store("nonsense://x/y")
    (tmp_path / "a" / OWN / "cursor.json").write_text("{")
    with pytest.raises(SourceError, match="cannot be read"):
        store.cursor()


def test_retention_deletes_whole_hours_and_remembers(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "a"), write=True)
    for hour in range(4):
        store.put(store.path("edge", NOON + hour * HOUR, 1), b"x")
    gone = store.retain(NOON + 2 * HOUR + 1)
    assert [entry.hour for entry in gone] == [NOON, NOON + HOUR]
    assert [entry.hour for entry in store.entries()] == [NOON + 2 * HOUR, NOON + 3 * HOUR]
    assert store.cursor().deleted == {"edge": NOON + 2 * HOUR}
    assert store.retain(NOON) == []
