"""JSON lines in files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from sinks.base import Sink, Unavailable
from sinks.files import File, Files, identity
from tests.sinks.conformance import Conformance, Stage
from tests.sinks.made import connection_documents, verdict_document
from wireverdict.sinking import FilesSettings


class Folder(Stage):
    def __init__(self, path: Path) -> None:
        self.path = path

    def sink(self) -> Sink:
        return Files(FilesSettings(str(self.path)))

    def arrived(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for path in self.path.glob("*.jsonl*"):
            for line in path.read_text().splitlines():
                value = json.loads(line)
                suffix = "-gw" if path.name.startswith("verdict") else ""
                found[value["event"]["id"] + suffix] += 1
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


class TestFiles(Conformance):
    pass


def test_a_line_that_was_cut_short_is_taken_away(stage: Folder) -> None:
    sink = stage.sink()
    sink.open()
    made = [verdict_document(number) for number in range(3)]
    sink.write(made[:2])
    sink.close()
    path = stage.path / "verdict.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + made[2].body[:100])
    again = stage.sink()
    again.open()
    again.write(made)
    again.close()
    assert path.read_bytes() == whole + made[2].body + b"\n"


def test_files_are_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    lines = [verdict_document(number).body for number in range(7)]
    file = File(path, len(lines[0]) * 2 + 3, 2)
    for line in lines:
        file.append([line])
    file.close()
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["f.jsonl", "f.jsonl.1", "f.jsonl.2"]
    kept = [
        line for name in ("f.jsonl.2", "f.jsonl.1", "f.jsonl") for line in (tmp_path / name).read_bytes().splitlines()
    ]
    assert kept == lines[-len(kept) :]
    assert len(kept) < 7
    again = File(path, 10**9, 2)
    again.append(lines[-3:])  # had already, the first of them in the file that was moved aside
    again.close()
    assert path.read_bytes().splitlines() == kept[-len(path.read_bytes().splitlines()) :]


def test_sensors_are_told_apart_and_what_evidence_says_is_not_an_identity() -> None:
    one = verdict_document(1)
    assert identity(one.body) == f'{one.value()["event"]["id"]}-"gw"'.encode()
    assert identity(one.body.replace(b'"name":"gw"', b'"name":"g\\"w"')) != identity(one.body)
    (record,) = connection_documents(1)
    assert identity(record.body) == f'{record.id}-"gw"'.encode()
    assert identity(b"{}") == b"{}"


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        Files(FilesSettings(str(tmp_path / "file" / "x"))).open()
