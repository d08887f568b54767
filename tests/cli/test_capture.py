"""``wireverdict capture`` as people run it, to a real broker."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from producers.recorded.pieces import joined
from tests.cli.program import DEMO, command, environment, run
from tests.codec.made import assert_equal, batches
from tests.processes import ask
from tests.services.places import free_port
from tests.streams.broker import Bus
from wireverdict.bus import Envelope, Kind, Topic
from wireverdict.codec.headers import decode_headers
from wireverdict.headers import HeaderBatch

pytestmark = pytest.mark.services
SEED = 7


def settings_of(bus: Bus) -> dict[str, Any]:
    return {
        "WIREVERDICT_BUS__SERVERS": bus.servers,
        "WIREVERDICT_BUS__PREFIX": bus.prefix,
        "WIREVERDICT_BUS__PARTITIONS": str(bus.partitions),
    }


def received(bus: Bus) -> list[list[tuple[Envelope, bytes]]]:
    """Of each partition, as a reader sees it: repeats are left out, and nothing may be missing."""
    found: list[list[tuple[Envelope, bytes]]] = [[] for _ in range(bus.partitions)]
    for message in bus.read(Topic.HEADERS):
        envelope, number = Envelope.from_headers(message.headers()), message.partition()
        assert number is not None
        if envelope.sequence == len(found[number]):
            found[number].append((envelope, message.value() or b""))
        else:
            assert envelope.sequence < len(found[number]), "a gap"
    return found


def rows_of(messages: list[tuple[Envelope, bytes]]) -> HeaderBatch:
    return joined([decode_headers(value)[0] for envelope, value in messages if envelope.kind is Kind.HEADERS])


def test_every_header_of_a_capture_arrives_in_order() -> None:
    bus = Bus(partitions=1)
    told = run("capture", DEMO, "--sensor", "one", **settings_of(bus))
    assert told.status == 0, told.err
    assert "headers of 16,990 packets sent, 2 arp" in told.err
    (messages,) = received(bus)
    assert messages[-1][0].kind is Kind.END
    assert {envelope.sensor for envelope, _ in messages} == {"one"}
    assert_equal(rows_of(messages), joined(list(batches(DEMO))))


def test_a_pair_of_addresses_has_one_partition_and_each_partition_an_end() -> None:
    bus = Bus(partitions=3)
    assert run("capture", DEMO, "--sensor", "one", "--log", "json", **settings_of(bus)).status == 0
    pairs: list[set[Any]] = []
    total = 0
    for messages in received(bus):
        assert [envelope.kind for envelope, _ in messages].count(Kind.END) == 1
        rows = rows_of(messages).rows
        total += len(rows)
        columns = [rows[name].tolist() for name in ("src_hi", "src_lo", "dst_hi", "dst_lo")]
        pairs.append({frozenset([(a, b), (c, d)]) for a, b, c, d in zip(*columns, strict=True)})
        clocks = [envelope.clock for envelope, _ in messages]
        assert clocks == sorted(clocks)
        assert max(np.diff(clocks[:-1])) <= 2_000_000_000  # a tick at least each second of packets
    assert total == sum(len(batch.rows) for batch in batches(DEMO))
    assert pairs[0].isdisjoint(pairs[1] | pairs[2])
    assert pairs[1].isdisjoint(pairs[2])


def test_killed_and_started_again_it_neither_loses_nor_repeats() -> None:
    moments = random.Random(SEED)
    whole, bus = Bus(partitions=2), Bus(partitions=2)
    assert run("capture", DEMO, "--sensor", "s", **settings_of(whole)).status == 0
    program = command("capture", DEMO, "--sensor", "s", "--rate", "real")
    for _ in range(3):
        writer = subprocess.Popen(program, env=environment(**settings_of(bus)), stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(moments.uniform(1.0, 5.0))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert run("capture", DEMO, "--sensor", "s", **settings_of(bus)).status == 0
    assert received(bus) == received(whole)


def test_sigterm_sends_what_was_read() -> None:
    bus = Bus(partitions=1)
    program = command("capture", DEMO, "--sensor", "s", "--rate", "real", "--log", "json")
    writer = subprocess.Popen(program, env=environment(**settings_of(bus)), stderr=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        writer.wait(5.0)
    ask(writer)
    _, errors = writer.communicate()
    assert writer.returncode == 128 + signal.SIGTERM, errors
    document = json.loads(errors.splitlines()[-1])
    assert document["message"] == "sent"
    (messages,) = received(bus)
    assert messages[-1][0].kind is Kind.END
    assert sum(envelope.headers for envelope, _ in messages) == document["wireverdict"]["headers"]


def test_standard_input_and_filter(tmp_path: Path) -> None:
    bus = Bus(partitions=1)
    told = run(
        "capture", "-", "--sensor", "s", "--filter", "tcp", data=DEMO.read_bytes(), **settings_of(bus)
    )  # fmt: skip
    assert told.status == 0, told.err
    rows = rows_of(received(bus)[0]).rows
    assert set(rows["protocol"].tolist()) == {6}


def test_while_kafka_is_away_batches_wait_in_the_spool(tmp_path: Path) -> None:
    servers = f"127.0.0.1:{free_port()}"
    without = run("capture", DEMO, "--servers", servers)
    assert without.status == 2
    assert "Kafka cannot be reached" in without.err
    bus = Bus(partitions=2)
    settings = {**settings_of(bus), "WIREVERDICT_BUS__SERVERS": servers}
    told = run("capture", DEMO, "--sensor", "s", "--spool", tmp_path, **settings)
    assert told.status == 2
    assert "wait in" in told.err

    assert run("capture", DEMO, "--sensor", "t", "--spool", tmp_path, **settings_of(bus)).status == 0
    sensors: dict[str, list[Envelope]] = {}
    for message in bus.read(Topic.HEADERS):
        envelope = Envelope.from_headers(message.headers())
        sensors.setdefault(envelope.sensor, []).append(envelope)
    assert sum(envelope.headers for envelope in sensors["s"]) == sum(len(batch.rows) for batch in batches(DEMO))
    assert list(tmp_path.iterdir()) == []


def test_inputs_that_cannot_be_read() -> None:
    bus = Bus(partitions=1)
    told = run("capture", "/no/such/file", DEMO, "--sensor", "s", **settings_of(bus))
    assert told.status == 2
    assert "/no/such/file: no such file" in told.err
    assert received(bus)[0][-1][0].kind is Kind.END
