"""Live equals file: tcpdump records what we capture; the same records and verdicts come of both."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from producers.live.source import LiveSource
from producers.timeline import open_timeline
from tests.cli.program import DEMO
from tests.lab.network import interrupt
from tests.producers.live.place import Wire, inside, wire
from tests.streams.publishing import split
from wireverdict import compose
from wireverdict.frames import FrameBatch
from wireverdict.live import LiveSettings
from wireverdict.pipeline import Pipeline
from wireverdict.settings import Settings, Source, settings

pytestmark = pytest.mark.lab
FASTER = 40
"""Times: the capture of 100 s is played in 2.5 s, and windows and time-outs are as much shorter."""


@pytest.fixture(scope="module")
def between() -> Iterator[Wire]:
    with wire() as made:
        yield made


def chosen() -> Settings:
    windows = {"width": 10 / FASTER, "lateness": 10 / FASTER, "dns_timeout": 5 / FASTER}
    return settings([Source({"windows": windows}, str)])


def answer(made: Pipeline) -> tuple[list[bytes], list[bytes]]:
    made.finish()
    records, verdicts = made.take_connections(), made.take_verdicts()
    return split(records), sorted(orjson.dumps(verdict.to_json()) for verdict in verdicts)


def test_the_same_records_and_verdicts_as_of_what_tcpdump_wrote(between: Wire, tmp_path: Path) -> None:
    plain, written = tmp_path / "demo.pcap", tmp_path / "seen.pcap"
    plain.write_bytes(subprocess.run(["gzip", "-dc", str(DEMO)], capture_output=True, check=True).stdout)
    live = compose.pipeline(chosen())
    with inside(between.taker):
        source = LiveSource(["in0"], LiveSettings(snap=128, ring=64, retire=0.05))
    options = ("-s", "128", "-B", "65536", "-U", "-n", "-Z", "root", "--time-stamp-precision=nano")
    tcpdump = between.taker.start("tcpdump", "-i", "in0", *options, "-w", str(written))
    while not (written.exists() and written.stat().st_size >= 24):
        assert tcpdump.poll() is None
        time.sleep(0.02)
    # on one core: packets of several cores may come in another order than that of their times
    playing = between.sender.start(
        "taskset", "-c", "0", "tcpreplay", "-i", "out0", f"--multiplier={FASTER}", str(plain)
    )
    size = 24
    for batch in source:
        size += int((batch.frames["captured"] + 16).sum())
        live.feed(FrameBatch(batch.data, batch.frames))
        if playing.poll() is not None:
            source.stop()
    counted = source.counters()
    source.close()
    deadline = time.monotonic() + 30
    while written.stat().st_size < size and time.monotonic() < deadline:
        time.sleep(0.02)
    said = interrupt(tcpdump)
    assert playing.returncode == 0
    assert counted.dropped == 0
    assert f"{counted.received} packets captured" in said
    assert counted.received == 16_990
    assert written.stat().st_size == size
    file = compose.pipeline(chosen())
    for batch in open_timeline([written]):
        file.feed(batch)
    one, other = answer(live), answer(file)
    assert one == other
    assert len(one[0]) > 8_000
    assert b'"dns-loss"' in b"".join(one[1])
