from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import ROOT, command, environment, run
from tests.services.places import once
from tests.streams.broker import Bus

pytestmark = pytest.mark.services


def test_help_says_what_it_does() -> None:
    told = run("stream", "--help")
    assert told.status == 0
    assert "Read headers from Kafka" in told.out
    assert "--workers" in told.out
    assert "--index" not in told.out


def test_a_wrong_setting_is_a_sentence(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[stream]\nmax_bad = 0\n", encoding="utf-8")
    told = run("stream", "--config", config)
    assert (told.status, told.out) == (2, "")
    assert "stream.max_bad must be at least 1" in told.err
    assert str(config) in told.err


def test_missing_topics_are_a_sentence() -> None:
    told = run(
        "stream", WIREVERDICT_BUS__SERVERS=str(once("kafka")["servers"]), WIREVERDICT_BUS__PREFIX="nobody-made-these"
    )
    assert told.status == 2
    assert "there is no topic nobody-made-these.headers: create topics first (wireverdict topics create)" in told.err


@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_windows_by_count_over_several_partitions_are_refused_at_the_start(workers: tuple[str, ...]) -> None:
    bus = Bus(partitions=4)
    told = run(
        "stream",
        *workers,
        WIREVERDICT_BUS__SERVERS=bus.servers,
        WIREVERDICT_BUS__PREFIX=bus.prefix,
        WIREVERDICT_WINDOWS__PACKETS="5000",
    )
    assert told.status == 2
    assert "windows by count cannot be divided over the 4 partitions" in told.err
    assert "worker process started" not in told.err


def test_several_workers_are_kept_running_until_a_signal(tmp_path: Path) -> None:
    """They die at once, for want of topics: what starts them says so and goes on."""
    given = environment(
        WIREVERDICT_BUS__SERVERS=str(once("kafka")["servers"]),
        WIREVERDICT_BUS__PREFIX="nobody-made-these",
        WIREVERDICT_STREAM__RESTART_DELAY="0.1",
    )
    with subprocess.Popen(
        command("stream", "--workers", "2", "--instance", "edge"),
        cwd=ROOT,
        env=given,
        stderr=subprocess.PIPE,
        text=True,
    ) as supervisor:
        assert supervisor.stderr is not None
        ended: dict[str, int] = {}
        for line in supervisor.stderr:
            for worker in ("0", "1"):
                if '"worker process ended"' in line and f'"worker":{worker},"status":2' in line:
                    ended[worker] = ended.get(worker, 0) + 1
            if len(ended) == 2 and min(ended.values()) >= 2:
                break
        os.kill(supervisor.pid, signal.SIGTERM)
        supervisor.stderr.read()
        assert supervisor.wait() in (0, 1)  # 1: a worker had just died when it was asked to stop
