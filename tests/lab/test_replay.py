"""A live session in network namespaces, taken from the ring to Kafka while tcpdump writes it too: topic, archive and capture
give the verdicts that the live workers gave."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from producers.batching import Batcher
from producers.live.source import LiveSource
from tests.cli.program import DEMO, run
from tests.cli.test_replaying import replayed_as, variables
from tests.lab.network import interrupt
from tests.producers.live.place import inside, wire
from tests.streams.broker import Bus
from tests.streams.fleet import Fleet, Lag, worker
from tests.streams.fleet import environment as of_workers
from wireverdict.bus import Topic
from wireverdict.decode.decoder import Decoder
from wireverdict.frames import FrameBatch
from wireverdict.live import LiveSettings
from wireverdict.partition import divided

pytestmark = [pytest.mark.lab, pytest.mark.services]
FASTER = 40
"""Times: the capture of 100 s is played in 2.5 s, and windows and time-outs are as much shorter."""
WINDOWS = {
    "WIREVERDICT_WINDOWS__WIDTH": str(10 / FASTER),
    "WIREVERDICT_WINDOWS__LATENESS": str(10 / FASTER),
    "WIREVERDICT_WINDOWS__DNS_TIMEOUT": str(5 / FASTER),
}


def session(bus: Bus, directory: Path) -> tuple[Path, int]:
    """Play the demo over a wire; what tcpdump wrote, and how many headers went to the bus."""
    plain, written = directory / "demo.pcap", directory / "seen.pcap"
    plain.write_bytes(subprocess.run(["gzip", "-dc", str(DEMO)], capture_output=True, check=True).stdout)
    decoder, batcher = Decoder(), Batcher("edge", "live", bus.partitions, divided)
    messages: list[Any] = []
    size, headers = 24, 0
    with wire() as between:
        with inside(between.taker):
            source = LiveSource(["in0"], LiveSettings(snap=128, ring=16, retire=0.05))
        options = ("-s", "128", "-B", "16384", "-U", "-n", "-Z", "root", "--time-stamp-precision=nano")
        tcpdump = between.taker.start("tcpdump", "-i", "in0", *options, "-w", str(written))
        while not (written.exists() and written.stat().st_size >= 24):
            assert tcpdump.poll() is None
            time.sleep(0.02)
        playing = between.sender.start("tcpreplay", "-i", "out0", f"--multiplier={FASTER}", str(plain))
        for batch in source:
            size += int((batch.frames["captured"] + 16).sum())
            decoded = decoder.decode(FrameBatch(batch.data, batch.frames))
            headers += len(decoded.rows)
            messages += batcher.add(decoded)
            if playing.poll() is not None:
                source.stop()
        assert source.counters().dropped == 0
        source.close()
        deadline = time.monotonic() + 30
        while written.stat().st_size < size and time.monotonic() < deadline:
            time.sleep(0.02)
        interrupt(tcpdump)
    messages += batcher.end()
    bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in messages))
    return written, headers


def test_what_was_live_is_said_again_by_topic_archive_and_capture(tmp_path: Path) -> None:
    bus = Bus(partitions=3)
    written, headers = session(bus, tmp_path)
    assert headers > 16_000
    with Fleet(worker, tmp_path, of_workers(bus) | WINDOWS) as fleet:
        fleet.start(0)
        lag = Lag(bus)
        fleet.until("everything applied", lambda: lag() == 0)
    live = sorted(bytes(message.value() or b"") for message in bus.read(Topic.VERDICTS))
    assert b'"dns-loss"' in b"".join(live)
    where = tmp_path / "archive"
    assert run("archive", "write", where, **variables(bus)).status == 0
    from_topic = replayed_as(tmp_path, "topic:", name="t", **variables(bus), **WINDOWS)
    from_archive = replayed_as(tmp_path, f"archive:{where}", name="a", **WINDOWS)
    from_capture = replayed_as(tmp_path, str(written), "--as", "edge", name="c", **WINDOWS)
    assert sorted(from_topic.splitlines()) == live
    assert from_topic == from_archive == from_capture
