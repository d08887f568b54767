from __future__ import annotations

import json
import logging

import pytest

from tests.cli.program import run
from wireverdict import logs


def record(name: str, message: str, level: int = logging.ERROR, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": name, "msg": message, "levelno": level, "levelname": "ERROR", "created": 0.5})
    vars(made).update(extra)
    return made


def test_a_line_is_a_document_with_what_was_given() -> None:
    made = record("wireverdict.stream", "restored", partitions=4, topic=logging)
    document = json.loads(logs.JsonLines("stream").format(made))
    assert document["@timestamp"] == "1970-01-01T00:00:00.500+00:00"
    assert (document["message"], document["log.level"]) == ("restored", "error")
    assert (document["log.logger"], document["service.name"]) == ("wireverdict.stream", "wireverdict-stream")
    assert document["wireverdict"] == {"partitions": 4, "topic": str(logging)}


def test_an_error_comes_with_its_traceback_in_one_line() -> None:
    try:
        raise ValueError("of itself")
    except ValueError as error:
        made = record("wireverdict.stream", "broken", exc_info=(type(error), error, error.__traceback__))
    line = logs.JsonLines("stream").format(made)
    assert "\n" not in line
    assert json.loads(line)["error.stack_trace"].endswith("ValueError: of itself")


def test_clients_do_not_say_the_same_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("wireverdict.logs.time.monotonic", lambda: now[0])
    once = logs.Once()
    fail, other = record("wireverdict.kafka", "FAIL [thrd:1] refused"), record("wireverdict.kafka", "GETPID [thrd:1]")
    assert [once.filter(each) for each in (fail, fail, other, fail)] == [True, False, True, False]
    now[0] += logs.QUIET
    assert once.filter(fail)


def test_a_command_that_sets_up_no_logs_tells_of_a_missing_broker_once() -> None:
    ended = run("topics", "check", WIREVERDICT_BUS__SERVERS="127.0.0.1:1")
    lines = ended.err.splitlines()
    assert ended.status == 2
    assert lines[-1].startswith("Error: no answer from 127.0.0.1:1: ")
    assert sum(line.startswith("FAIL ") for line in lines) <= 3  # one in QUIET s


def test_what_is_ours_is_always_said() -> None:
    once = logs.Once()
    assert all(once.filter(record("wireverdict.stream", "dead letter")) for _ in range(3))
    assert all(once.filter(record("aiokafka", "it ends", logging.CRITICAL)) for _ in range(3))


def test_setting_up_writes_lines_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []  # those of the test run stay open
    try:
        logs.set_up("stream")
        logging.getLogger("wireverdict.stream").info("started", extra={"workers": 2})
        logging.getLogger("aiokafka.consumer").info("not of interest")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["wireverdict"] == {"workers": 2}
