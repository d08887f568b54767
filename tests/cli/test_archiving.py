"""An archive that follows a topic, is killed, and goes on."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from producers.recorded.source import open_source
from producers.recorded.store import Store
from tests.cli.program import DEMO, command, environment, run
from tests.cli.test_replaying import variables
from tests.producers.recorded.collected import everything, story
from tests.streams.broker import Bus
from tests.streams.publishing import header_batches, publication
from wireverdict.bus import Topic
from wireverdict.cli.archiving import Writing, retain, write
from wireverdict.cli.interrupts import Interrupts
from wireverdict.settings import Settings

pytestmark = pytest.mark.services


def test_it_follows_and_bears_being_killed(tmp_path: Path) -> None:
    bus, where = Bus(partitions=3), tmp_path / "a"
    sent = publication(list(header_batches([DEMO])), "edge", 3)
    for start in range(0, len(sent), len(sent) // 3 + 1):
        some = sent[start : start + len(sent) // 3 + 1]
        bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in some))
        follow = command("archive", "write", where, "--follow", "--every", "0.2")
        process = subprocess.Popen(follow, env=environment(**variables(bus)), stderr=subprocess.DEVNULL)
        end, before = time.monotonic() + 100, None
        while time.monotonic() < end:
            commit = Store(str(where)).cursor().commit if (where / "_wireverdict").exists() else 0
            before = commit if before is None else before
            if commit > before + 1:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run("archive", "write", where, **variables(bus)).status == 0
    captured = everything(open_source([str(DEMO)], Settings(), sensor="edge", partitions=3))
    assert story(everything(open_source([f"archive:{where}"], Settings()))) == story(captured)


def test_what_was_read_is_there_after_a_signal_between_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, where = Bus(partitions=2), str(tmp_path / "a")
    sent = publication(list(header_batches([DEMO])), "edge", 2)
    bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in sent))
    for name, value in variables(bus).items():
        monkeypatch.setenv(name, value)

    def asked(interrupts: Interrupts, seconds: float) -> bool:
        interrupts.signal = signal.SIGTERM
        return False

    monkeypatch.setattr(Interrupts, "sleep", asked)
    assert write(Writing(where, follow=True)) == 128 + signal.SIGTERM
    assert Store(where).cursor().headers == 16_988


def test_old_hours_go(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "a"), write=True)
    store.put(store.path("edge", 1_500_000_000_000_000_000 // 3_600_000_000_000 * 3_600_000_000_000, 1), b"x")
    store.close()
    assert retain(str(tmp_path / "a"), 30.0) == 0
    assert store.entries() == []
