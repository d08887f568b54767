"""Replays: one answer from topic, archive and capture, also when killed; marked, and never into live topics."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from sinks.intake import replayed
from tests.cli.program import DEMO, command, environment, run
from tests.producers.recorded.collected import WITH_QUOTES, everything, story
from tests.streams.broker import Bus
from tests.streams.chain import answer_of
from tests.streams.fleet import Fleet, Lag, worker
from tests.streams.fleet import environment as of_workers
from wireverdict.bus import MARK, Topic
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.replaying import Judging, Options, Sending, prepare, read_offsets, read_speed, read_time
from wireverdict.settings import Settings

pytestmark = pytest.mark.services


def test_times_speeds_and_offsets() -> None:
    assert read_time("2026-11-23T07:00:00Z") == 1_795_417_200_000_000_000
    assert read_time("2026-11-23T08:00:00.000001+01:00") == 1_795_417_200_000_001_000
    assert read_time("1795417200.5") == 1_795_417_200_500_000_000
    assert read_time(None) is None
    assert (read_speed("max"), read_speed("2.5")) == (0.0, 2.5)
    assert read_offsets(("3:5-9", "0", "1:-7", "2:4-")) == {3: (5, 9), 0: (None, None), 1: (None, 7), 2: (4, None)}
    for wrong in ("0", "-1", "inf", "x"):
        with pytest.raises(ValueError, match="--speed"):
            read_speed(wrong)
    with pytest.raises(ValueError, match="--offsets"):
        read_offsets(("x",))
    with pytest.raises(ValueError, match="is no time"):
        read_time("soon")


def replayed_as(tmp_path: Path, *sources: str, name: str = "v", **more: Any) -> bytes:
    """The file of verdicts that a replay writes."""
    out = tmp_path / f"{name}.jsonl"
    ended = run("replay", *sources, "--verdicts", out, "--processes", "2", **more)
    assert ended.status == 1, ended.err
    assert "no gap is known" in ended.err
    return out.read_bytes()


def variables(bus: Bus) -> dict[str, Any]:
    return {
        "WIREVERDICT_BUS__SERVERS": bus.servers,
        "WIREVERDICT_BUS__PREFIX": bus.prefix,
        "WIREVERDICT_BUS__PARTITIONS": str(bus.partitions),
    }


def test_topic_archive_and_capture_give_the_verdicts_of_the_live_run(tmp_path: Path) -> None:
    bus = Bus(partitions=4)
    captured = run("capture", DEMO, "--sensor", "edge", **variables(bus))
    assert captured.status == 0, captured.err
    with Fleet(worker, tmp_path, of_workers(bus)) as fleet:
        fleet.start(0)
        lag = Lag(bus)
        fleet.until("everything applied", lambda: lag() == 0)
    live = sorted(bytes(message.value() or b"") for message in bus.read(Topic.VERDICTS))
    where = tmp_path / "archive"
    archived = run("archive", "write", where, **variables(bus))
    assert archived.status == 0, archived.err
    again = run("archive", "write", where, **variables(bus))
    assert "0 headers written" in again.err
    from_topic = replayed_as(tmp_path, "topic:", name="t", **variables(bus))
    from_archive = replayed_as(tmp_path, f"archive:{where}", name="a")
    from_capture = replayed_as(tmp_path, str(DEMO), "--as", "edge", name="c")
    assert from_topic == from_archive == from_capture
    assert sorted(from_topic.splitlines()) == live

    # and onto topics of its own, through workers of their own: the same again, and marked
    sent = run("replay", f"archive:{where}", "--to-topic", f"{bus.prefix}-again", "--name", "test", **variables(bus))
    assert sent.status == 0, sent.err
    own = _existing(bus)
    with Fleet(worker, tmp_path, of_workers(own)) as fleet:
        fleet.start(1)
        lag = Lag(own)
        fleet.until("everything applied again", lambda: lag() == 0)
    assert sorted(bytes(message.value() or b"") for message in own.read(Topic.VERDICTS)) == live
    for topic in (Topic.HEADERS, Topic.WINDOWS, Topic.CONNECTIONS, Topic.VERDICTS):
        messages = own.read(topic)
        assert messages
        assert {dict(message.headers() or ()).get(MARK) for message in messages} == {b"test"}
        assert all(replayed(message.headers()) for message in messages)  # what sinks go by that page people
        assert not any(replayed(message.headers()) for message in bus.read(topic))
    both = [
        answer_of(
            (topic, bytes(m.value() or b""), dict(m.headers() or ()))  # type: ignore[arg-type]
            for topic in (Topic.WINDOWS, Topic.CONNECTIONS, Topic.VERDICTS)
            for m in which.read(topic)
        )
        for which in (bus, own)
    ]
    assert both[0] == both[1]


class _Existing(Bus):
    def __post_init__(self) -> None:
        """The topics are there."""


def _existing(bus: Bus) -> Bus:
    return _Existing(bus.partitions, bus.servers, f"{bus.prefix}-again")


def test_killed_and_gone_on_with_it_says_the_same(tmp_path: Path) -> None:
    where = tmp_path / "archive"
    assert run("archive", "write", where, DEMO, "--as", "edge", "--partitions", "2").status == 0
    expected = tmp_path / "expected.jsonl"
    whole = run("replay", f"archive:{where}", "--verdicts", expected, "--connections", tmp_path / "all.jsonl")
    assert whole.status == 1
    state, out, records = tmp_path / "state", tmp_path / "v.jsonl", tmp_path / "c.jsonl"
    arguments: list[Any] = ["replay", f"archive:{where}", "--verdicts", out, "--connections", records, "--state", state]
    arguments += ["--every", "0.1"]
    slow = [*arguments, "--speed", "20"]  # as long as it takes to have kept a state or two
    process = subprocess.Popen(command(*slow), env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 100
    kept: set[int] = set()
    while len(kept) < 3 and process.poll() is None and time.monotonic() < end:
        if state.exists():
            kept.add(state.stat().st_mtime_ns)
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(kept) == 3
    ended = run(*arguments, "--processes", "1")
    assert ended.status == 1, ended.err
    assert out.read_bytes() == expected.read_bytes()
    assert sorted(records.read_bytes().splitlines()) == sorted((tmp_path / "all.jsonl").read_bytes().splitlines())
    assert not state.exists()


def test_the_state_of_another_replay_is_refused(tmp_path: Path) -> None:
    options = Options((str(DEMO),), state=str(tmp_path / "s"), processes=1, verdicts=str(tmp_path / "v"))
    with Interrupts() as interrupts:
        Judging(options, *prepare(options), interrupts).keep({})
        other = replace(options, called="other")
        with pytest.raises(ValueError, match="state of another replay"):
            Judging(other, *prepare(other), interrupts).status()


def test_stopped_sending_goes_on_and_workers_see_each_message_once(tmp_path: Path) -> None:
    bus = Bus(partitions=2)
    target = f"{bus.prefix}-again"
    options = Options(
        (str(WITH_QUOTES),), called="far", to_topic=target, state=str(tmp_path / "s"), every=0.05, partitions=2
    )
    settings = Settings(bus=bus.settings)
    with Interrupts() as interrupts:
        task, processes = prepare(options)
        task = replace(task, settings=settings)
        first = Sending(options, task, processes, interrupts)
        calls = []
        keep = first._keep

        def keep_once(*given: object) -> None:
            keep(*given)  # type: ignore[arg-type]
            calls.append(1)
            raise KeyboardInterrupt  # as dead as can be, some messages after a state

        first._keep = keep_once  # type: ignore[assignment, method-assign]
        first._kept -= 1.0
        with pytest.raises(KeyboardInterrupt):
            first.status()
        assert calls
        assert Sending(options, task, processes, interrupts).status() == 0
    own = _existing(bus)
    from producers.recorded.source import open_source

    found = everything(open_source(["topic:"], Settings(bus=own.settings)))
    captured = everything(open_source([str(WITH_QUOTES)], settings, sensor="far", partitions=2))
    assert story(found) == story(captured)
    marks = {dict(m.headers() or ()).get(MARK) for m in own.read(Topic.HEADERS)}
    assert marks == {b"replay"}


def test_what_is_missing_is_in_the_report(tmp_path: Path) -> None:
    bus = Bus(partitions=2)
    assert run("capture", DEMO, "--sensor", "edge", **variables(bus)).status == 0
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(dict(bus.options))
    for result in admin.delete_records([TopicPartition(bus.name(Topic.HEADERS), 1, 12)]).values():
        result.result()
    report = tmp_path / "r.json"
    ended = run("replay", "topic:", "--report", report, "--json", **variables(bus))
    assert "incomplete, 1 known gap:" in ended.err
    assert "retention: edge, partition 1: 12 messages" in ended.err
    gaps = orjson.loads(report.read_bytes())["wireverdict"]["gaps"]
    assert [(gap["kind"], gap["many"], gap["unit"]) for gap in gaps] == [("retention", 12, "messages")]
