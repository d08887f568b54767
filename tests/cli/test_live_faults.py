"""Live capture while things go wrong: too many packets, Kafka away, kill -9. Nothing is lost without being counted."""

from __future__ import annotations

import ipaddress
import json
import os
import random
import signal
import socket
import struct
from pathlib import Path

import msgspec
import numpy as np
import orjson
import pytest

from tests.cli.test_capture import received, rows_of
from tests.cli.test_live import Captured, capturing, until
from tests.lab.dns_client import question
from tests.services.kafka import KafkaServer
from tests.streams.broker import Bus
from tests.streams.chain import Chain
from tests.streams.publishing import Sent
from wireverdict.alerts import AlertSettings
from wireverdict.bus import Envelope, Kind, Topic
from wireverdict.headers import HEADER, HeaderBatch
from wireverdict.sampling import Sampler
from wireverdict.settings import Settings
from wireverdict.windows.part import WindowPart

pytestmark = [pytest.mark.services, pytest.mark.lab]
NO_NAMES = np.zeros(0, np.uint8)
TINY = {"WIREVERDICT_LIVE__RING": "1", "WIREVERDICT_LIVE__BLOCK": "64", "WIREVERDICT_LIVE__LEAST_SHARE": "1"}


def numbered(live: Captured, count: int) -> None:
    """Packets whose length tells their number, modulo 1,000."""
    for _ in range(count):
        live.socket.sendto(bytes(live.sent % 1_000), ("127.0.0.1", live.port))
        live.sent += 1


def numbers(bus: Bus) -> list[int]:
    """Lengths of all packets that arrived, in order of arrival in the one partition; a gap in messages fails."""
    (messages,) = received(bus)
    return [int(length) for length in rows_of(messages).rows["payload_length"].tolist()]


def asked(client: socket.socket, resolver: socket.socket, dice: random.Random, count: int) -> None:
    """Queries that are all answered."""
    for _ in range(count):
        client.sendto(question(dice.randrange(65_536), dice), resolver.getsockname())
        query, asker = resolver.recvfrom(2_000)
        resolver.sendto(query[:2] + b"\x80\x00" + query[4:], asker)
        client.recv(2_000)


def test_too_many_packets_for_a_ring_that_nobody_empties_are_all_accounted_for_and_verdicts_say_unknown() -> None:
    """The process is stopped for a while, as by others who take the CPU. Queries are answered throughout; what was captured of
    them looks as if they were not."""
    bus = Bus(partitions=2)
    dice = random.Random(1)
    client, resolver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    resolver.bind(("127.0.0.53", 53))
    client.bind(("127.0.0.1", 0))
    port = client.getsockname()[1]
    with client, resolver, capturing(bus, "--filter", f"udp port {port}", **TINY) as live:
        asked(client, resolver, dice, 50)
        os.kill(live.process.pid, signal.SIGSTOP)
        waiting = []
        for _ in range(200):
            client.sendto(question(dice.randrange(65_536), dice), resolver.getsockname())
            waiting.append(resolver.recvfrom(2_000))
        asked(client, resolver, dice, 6_000)
        for query, asker in waiting:  # these answers find no room in the ring
            resolver.sendto(query[:2] + b"\x80\x00" + query[4:], asker)
        os.kill(live.process.pid, signal.SIGCONT)
        status, said = live.stop()
    assert status == 128 + signal.SIGTERM
    told = said[-1]["wireverdict"]
    sent = 2 * (50 + 200 + 6_000)
    assert told["dropped"] > 0
    assert told["frames"] + told["dropped"] == sent
    assert any("kernel dropped" in line["message"] for line in said)

    chain = Chain(2, Settings(alerts=AlertSettings(bad_windows=1, of_windows=1)))
    drops: dict[str, int] = {}
    headers = 0
    for message in bus.read(Topic.HEADERS):
        number, envelope = message.partition(), Envelope.from_headers(message.headers())
        assert number is not None
        headers += envelope.headers
        drops = envelope.drops if number == 0 else drops
    chain.take(sent_again(bus))
    assert (headers, drops) == (told["headers"], {"kernel": told["dropped"]})
    _, verdicts = chain.answer("one")
    rules = {orjson.loads(each)["rule"]["id"] for each in verdicts}
    assert rules == {"capture-loss"}
    reported = [json.loads(each)["wireverdict"]["evidence"]["reported_drops"] for each in verdicts]
    assert 0 < max(reported) <= told["dropped"]


def sent_again(bus: Bus) -> list[Sent]:
    """The messages of a topic as the streams tests want them."""
    sent = []
    for message in bus.read(Topic.HEADERS):
        given = dict(message.headers() or ())
        headers = [(name, value) for name, value in given.items() if isinstance(value, bytes)]
        sent.append(Sent(message.partition() or 0, bytes(message.key() or b""), bytes(message.value() or b""), headers))
    return sent


def test_under_pressure_pairs_are_left_out_as_a_whole_and_every_packet_is_accounted_for() -> None:
    """The bound on CPU is so low that the process is over it whatever it does. Every host is sent as many packets."""
    bus = Bus(partitions=2)
    hosts = [f"127.0.1.{number}" for number in range(1, 65)]
    pressed = {"WIREVERDICT_LIVE__CPU": "0.0001", "WIREVERDICT_LIVE__LEAST_SHARE": "0.25"}
    with capturing(bus, **pressed) as live:

        def rounds(count: int) -> None:
            for _ in range(count):
                for host in hosts:
                    live.socket.sendto(b"x", (host, live.port))
            live.sent += count

        while least(bus) > 0.25:
            rounds(1)
            until(lambda: True)
        rounds(50)
        status, said = live.stop()
    assert status == 128 + signal.SIGTERM
    told, sent = said[-1]["wireverdict"], len(hosts) * live.sent
    assert (told["frames"], told["headers"], told["dropped"]) == (sent, sent, 0)
    assert any("taking the packets of 0.25 of all address pairs" in line["message"] for line in said)

    found: dict[int, int] = {}
    for message in bus.read(Topic.HEADERS):
        envelope = Envelope.from_headers(message.headers())
        assert envelope.sampling in (0.25, 0.5, 1.0)
        if envelope.kind is Kind.HEADERS:
            rows = rows_of([(envelope, message.value() or b"")]).rows
            for host in rows["dst_lo"].tolist():
                found[host] = found.get(host, 0) + 1
        last = envelope
    assert sum(found.values()) + told["left_out"]["sampled"] == sent
    assert last.capture["sampled_out"] == told["left_out"]["sampled"]
    whole = {host for host, count in found.items() if count == live.sent}
    assert whole == kept_of(hosts, 0.25)
    assert all(count < live.sent - 50 + 1 for host, count in found.items() if host not in whole)

    chain = Chain(2)
    chain.take(sent_again(bus))
    parts = [part for out in chain.sent if out.topic is Topic.WINDOWS and out.value for part in parts_of(out.value)]
    assert sum(part.packets for part in parts) == sum(found.values())
    assert min(part.capture.sampled for part in parts) == 0.25
    assert sum(part.capture.left_out for part in parts) > 0


def least(bus: Bus) -> float:
    """The least share that messages tell so far."""
    return min([Envelope.from_headers(message.headers()).sampling for message in bus.read(Topic.HEADERS)], default=1.0)


def kept_of(hosts: list[str], share: float) -> set[int]:
    """Those of some hosts, by the lower half of their addresses, whose packets from 127.0.0.1 are kept."""
    rows = np.zeros(len(hosts), HEADER)
    rows["src_lo"] = 0xFFFF << 32 | int(ipaddress.ip_address("127.0.0.1"))
    rows["dst_lo"] = [0xFFFF << 32 | int(ipaddress.ip_address(host)) for host in hosts]
    return set(Sampler(share).apply(HeaderBatch(rows, NO_NAMES)).rows["dst_lo"].tolist())


def parts_of(value: bytes) -> list[WindowPart]:
    return [WindowPart.from_bytes(each) for each in msgspec.msgpack.decode(value, type=list[bytes])]


def test_kafka_goes_away_and_comes_back_and_everything_arrives_in_order(server: KafkaServer, tmp_path: Path) -> None:
    bus = Bus(partitions=1, servers=server.address)
    with capturing(bus, "--spool", str(tmp_path / "spool"), "--user", "") as live:
        numbered(live, 500)
        until(lambda: len(numbers(bus)) == 500)
        server.kill()
        while not spooled(tmp_path):
            numbered(live, 100)
            until(lambda: True)
        numbered(live, 700)
        server.start()
        numbered(live, 300)
        status, said = live.stop()
        sent = live.sent
    assert status == 128 + signal.SIGTERM
    assert said[-1]["wireverdict"]["headers"] == sent
    assert numbers(bus) == [number % 1_000 for number in range(sent)]


def spooled(directory: Path) -> bool:
    return any(path.stat().st_size for path in (directory / "spool").glob("*.spool"))


def test_a_kill_while_kafka_is_away_loses_nothing_that_was_spooled_and_doubles_nothing(
    server: KafkaServer, tmp_path: Path
) -> None:
    bus = Bus(partitions=1, servers=server.address)
    server.kill()
    with capturing(bus, "--spool", str(tmp_path / "spool"), "--user", "", "--run", "first") as live:
        before = 0
        while before < 3:  # three batches on disk
            numbered(live, 200)
            until(lambda: True)
            before = records(tmp_path)
        live.process.kill()
        live.process.wait()
    kept = records(tmp_path)
    assert kept >= before
    server.start()
    with capturing(bus, "--spool", str(tmp_path / "spool"), "--user", "", "--run", "second") as again:
        again.send(1, size=999)
        until(lambda: 999 in all_lengths(bus))
        again.stop()
    runs: dict[str, list[Envelope]] = {}
    lengths: list[int] = []
    for message in bus.read(Topic.HEADERS):
        envelope = Envelope.from_headers(message.headers())
        seen = runs.setdefault(envelope.run, [])
        if not seen or envelope.sequence > seen[-1].sequence:  # as readers do
            assert envelope.sequence == len(seen)
            seen.append(envelope)
            if envelope.run == "first" and envelope.kind is Kind.HEADERS:
                rows = rows_of([(envelope, message.value() or b"")]).rows
                lengths += [int(each) for each in rows["payload_length"].tolist()]
    assert list(runs) == ["first", "second"]
    assert len(runs["first"]) == kept
    assert lengths == [number % 1_000 for number in range(len(lengths))]
    assert lengths
    assert runs["second"][-1].kind is Kind.END


def records(directory: Path) -> int:
    """Whole messages in the spool."""
    count = 0
    for path in sorted((directory / "spool").glob("*.spool")):
        data, at = path.read_bytes(), 0
        while at + 8 <= len(data):
            (length,) = struct.unpack_from("<I", data, at)
            if at + 8 + length > len(data):
                break
            at += 8 + length
            count += 1
    return count


def all_lengths(bus: Bus) -> set[int]:
    found: set[int] = set()
    for message in bus.read(Topic.HEADERS):
        envelope = Envelope.from_headers(message.headers())
        if envelope.kind is Kind.HEADERS:
            found |= set(rows_of([(envelope, message.value() or b"")]).rows["payload_length"].tolist())
    return found
