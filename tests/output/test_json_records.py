"""JSON lines of connection records, document by document against the obvious way."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.output.connection_rows import ROWS, make_rows
from tests.output.reference import document
from wireverdict.output.identity import record_ids
from wireverdict.output.json_records import json_lines, sensor_lines
from wireverdict.output.lines import CHUNK
from wireverdict.records import CONNECTION


def written(rows: NDArray[np.void], seed: int = 0) -> bytes:
    return b"".join(bytes(piece) for piece in json_lines(rows, seed))


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from([0, 7]))
def test_documents_are_those_of_the_reference(rows: NDArray[np.void], seed: int) -> None:
    lines = written(rows, seed).splitlines()
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        made = json.loads(line)
        expected = document(row, seed)
        assert made == expected
        assert list(made) == list(expected)
        assert list(made["wireverdict"]) == list(expected["wireverdict"])


def test_rows_beyond_one_buffer() -> None:
    rows = make_rows(2 * CHUNK + 3, seed=5)
    lines = written(rows).splitlines()
    assert len(lines) == len(rows)
    for at in (0, CHUNK - 1, CHUNK, 2 * CHUNK + 2):
        assert json.loads(lines[at]) == document(rows[at])


def test_any_split_gives_the_same_bytes() -> None:
    rows = make_rows(100, seed=6)
    whole = written(rows)
    assert b"".join(written(rows[at : at + 7]) for at in range(0, 100, 7)) == whole
    assert written(rows[::-1][::-1]) == whole


def test_no_rows_give_nothing() -> None:
    assert written(np.zeros(0, CONNECTION)) == b""


def test_nothing_in_a_row_can_break_the_line() -> None:
    rows = make_rows(1, seed=1)
    rows["history"] = np.frombuffer(bytes(range(32)), np.uint8)
    rows["history_length"] = 255
    rows["state"] = rows["source"]["rtt_method"] = 255
    rows["reasons"] = 255
    (line,) = written(rows).splitlines()
    assert json.loads(line)["wireverdict"]["history"] == "?" * 32
    rows["history"] = np.frombuffer(b'"\\,\x7f\xff\n' + b"A" * 26, np.uint8)
    assert json.loads(written(rows))["wireverdict"]["history"] == "??????" + "A" * 26


@settings(max_examples=50, deadline=None)
@given(ROWS, st.text(max_size=80))
def test_documents_for_many_sensors_say_whose_they_are(rows: NDArray[np.void], sensor: str) -> None:
    sensor = sensor.encode("utf-8", "replace").decode()
    ids = record_ids(rows, sensor)
    lines = b"".join(bytes(piece) for piece in sensor_lines(rows, ids, sensor)).splitlines()
    assert len(lines) == len(rows)
    for row, line, name in zip(rows, lines, ids, strict=True):
        made = json.loads(line)
        assert made.pop("observer") == {"name": sensor}
        assert made["event"].pop("id") == bytes(name).decode()
        assert made == document(row)


def test_identities_go_with_their_rows_beyond_one_buffer() -> None:
    rows = make_rows(CHUNK + 5, seed=7)
    ids = record_ids(rows, "gw")
    lines = b"".join(bytes(piece) for piece in sensor_lines(rows, ids, "gw")).splitlines()
    assert [json.loads(line)["event"]["id"] for line in lines] == [bytes(name).decode() for name in ids]
