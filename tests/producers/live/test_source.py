"""Frames from interfaces of namespaces: what is put on the wire comes out, once, in order, and is counted."""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from producers.bpf import FilterError
from producers.live import source as module
from producers.live.source import FILLED, Counters, LiveError, LiveSource, rest
from tests.producers.live.place import MAC, Wire, inside, udp, wire
from wireverdict.frames import IN, OUT, UNKNOWN
from wireverdict.live import LiveSettings

pytestmark = pytest.mark.lab
SMALL = LiveSettings(ring=2, block=64, retire=0.01, snap=128)


@pytest.fixture(scope="module")
def between() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test opens is closed, also when it fails."""
    made: list[LiveSource] = []
    start = LiveSource.__init__

    def init(self: LiveSource, *arguments: Any, **named: Any) -> None:
        start(self, *arguments, **named)
        made.append(self)

    monkeypatch.setattr(LiveSource, "__init__", init)
    yield
    for each in made:
        each.close()


def opened(where: Wire, *names: str, settings: LiveSettings = SMALL, at: str = "taker", **more: str) -> LiveSource:
    with inside(getattr(where, at)):
        return LiveSource(names or ("in0",), settings, **more)


def drained(source: LiveSource) -> tuple[list[bytes], np.ndarray]:
    """Everything that has come: bytes of each frame, and the frames."""
    source.stop()
    data, frames = [], []
    for batch in source:
        frames.append(batch.frames.copy())
        for offset, captured in zip(batch.frames["offset"].tolist(), batch.frames["captured"].tolist(), strict=True):
            data.append(batch.data[offset : offset + captured].tobytes())
    return data, np.concatenate(frames) if frames else np.zeros(0)


def test_what_is_sent_comes_out_once_in_order_with_times_and_lengths(between: Wire) -> None:
    source = opened(between)
    began = time.time_ns()
    sent = [udp(number, bytes(number % 200)) for number in range(3_000)]
    between.send(*sent)
    data, frames = drained(source)
    assert data == [frame[:128] for frame in sent]
    assert frames["length"].tolist() == [len(frame) for frame in sent]
    assert (np.diff(frames["ts"]) >= 0).all()
    assert began <= int(frames["ts"][0]) <= int(frames["ts"][-1]) <= time.time_ns()
    assert set(frames["direction"].tolist()) == {IN}
    assert source.counters() == Counters(received=3_000)
    assert source.horizon >= int(frames["ts"][-1])


def test_direction_is_told_by_the_kernel(between: Wire) -> None:
    source = opened(between)
    between.send(udp(1, mac=b"\xff" * 6 + MAC[6:]))
    between.send(udp(2), device="in0")
    _, frames = drained(source)
    assert frames["direction"].tolist() == [IN, OUT]


def test_packets_for_other_hosts_only_in_promiscuous_mode(between: Wire) -> None:
    """A veth device takes what is for others off the wire in any case; the mode itself is what is looked at."""
    found = []
    for promiscuous in (False, True):
        source = opened(between, settings=LiveSettings(ring=2, block=64, retire=0.01, promiscuous=promiscuous))
        found.append("promiscuity 1" in between.taker.ip("-d", "link", "show", "in0"))
        between.send(udp(1, mac=b"\x02" * 6 + MAC[6:]))
        _, frames = drained(source)
        assert frames["direction"].tolist() == [UNKNOWN]
        source.close()
    assert found == [False, True]


def test_vlan_tags_are_put_back(between: Wire) -> None:
    one = struct.pack(">HH", 0x8100, 0x6005)
    two = struct.pack(">HHHH", 0x88A8, 7, 0x8100, 0x0006)
    sent = [udp(1, bytes(100), tags=one), udp(2, tags=two), udp(3)]
    source = opened(between)
    between.send(*sent)
    data, frames = drained(source)
    assert data == [frame[:128] for frame in sent]
    assert frames["length"].tolist() == [len(frame) for frame in sent]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [("udp dst port 53", [1, 2]), ("vlan 5", [2]), ("not udp dst port 53 and not vlan", [0])],
)
def test_a_filter_and_vlan_tags_in_it(between: Wire, expression: str, wanted: list[int]) -> None:
    tag = struct.pack(">HH", 0x8100, 5)
    sent = [udp(1, port=80), udp(2, port=53), udp(3, port=53, tags=tag)]
    source = opened(between, expression=expression)
    between.send(*sent)
    data, _ = drained(source)
    assert data == [sent[place] for place in wanted]


def test_traffic_that_is_to_be_left_out_and_a_change_of_that_while_packets_come(between: Wire) -> None:
    source = opened(between, expression="udp", without="not udp port 9")
    between.send(udp(1, port=9), udp(2, port=10))
    source.filter("not udp port 10")
    between.send(udp(3, port=9), udp(4, port=10))
    data, _ = drained(source)
    assert data == [udp(2, port=10), udp(3, port=9)]


@pytest.mark.parametrize("expression", ["nonsense and", "udp) or (tcp", "ether host"])
def test_a_filter_that_cannot_be(between: Wire, expression: str) -> None:
    with pytest.raises(FilterError, match="--filter"):
        opened(between, expression=expression)


def test_several_interfaces_are_one_timeline(between: Wire) -> None:
    source = opened(between, "in0", "lo", settings=LiveSettings(ring=8, block=64, retire=0.1))
    with inside(between.taker):
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wanted = []
    for number in range(200):
        between.send(udp(number))
        own.sendto(b"x", ("127.0.0.1", 9))
        wanted += [0, 1]
    own.close()
    _, frames = drained(source)
    assert (np.diff(frames["ts"]) >= 0).all()
    chosen = frames[(frames["file"] == 0) | (frames["length"] == 43)]  # the refusals on lo aside
    assert chosen["file"].tolist() == wanted


def test_any_sees_all_and_the_loopback_interface_once(between: Wire) -> None:
    source = opened(between, "any", expression="udp")
    between.send(udp(1))
    with inside(between.taker), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.sendto(b"x", ("127.0.0.1", 9))
    _, frames = drained(source)
    assert frames["length"].tolist() == [len(udp(1)), 43]


def test_raw_ip_interfaces(between: Wire) -> None:
    """A tun device has no link layer."""
    import fcntl

    with inside(between.taker):
        tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
    between.taker.ip("link", "set", "tun0", "up")
    for name in ("tun0", "any"):
        source = opened(between, name, expression="udp dst port 9999")
        os.write(tun, udp(5, b"abc")[14:])
        os.write(tun, udp(5, b"abc", port=9)[14:])
        data, frames = drained(source)
        assert data == [udp(5, b"abc")[14:]]
        assert frames["link"].tolist() == [101]
        source.close()
    os.close(tun)


def test_a_share_of_flows_for_each_worker_in_order_of_time(between: Wire) -> None:
    settings = LiveSettings(ring=2, block=64, retire=0.01, workers=3)
    source = opened(between, settings=settings)
    sent = [udp(number % 40, struct.pack(">I", number)) for number in range(4_000)]
    between.send(*sent)
    rings = [lane.ring for lane in source._lanes]
    data, frames = drained(source)
    assert sorted(data) == sorted(sent)
    assert source.counters().received == 4_000
    assert all(ring.received > 0 for ring in rings)
    for flow in range(40):  # of a flow in order, whatever happened between flows
        assert [each for each in data if each[34:36] == sent[flow][34:36]] == sent[flow::40]
    assert (np.diff(frames["ts"]) >= 0).mean() > 0.99


def test_two_captures_of_an_interface_share_nothing(between: Wire) -> None:
    settings = LiveSettings(ring=2, block=64, retire=0.01, workers=2)
    sources = [opened(between, settings=settings) for _ in range(2)]
    between.send(*(udp(number) for number in range(100)))
    assert [len(drained(source)[0]) for source in sources] == [100, 100]


def test_a_full_ring_loses_packets_and_counts_each(between: Wire) -> None:
    source = opened(between, settings=LiveSettings(ring=1, block=64, retire=0.01))
    many = 20_000
    with between.socket() as out:
        for number in range(many):
            out.send(udp(number))
    data, _ = drained(source)
    counted = source.counters()
    assert counted.dropped > 0
    assert counted.freezes > 0
    assert counted.received + counted.dropped == many
    assert counted.received == len(data)
    source.close()
    assert source.counters() == Counters(received=counted.received, dropped=counted.dropped, freezes=counted.freezes)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_interface_goes_down_and_up_and_away_and_comes_back(
    between: Wire, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Without the right to open another socket, which is given up after the start."""
    monkeypatch.setattr(module, "SPARES", 2)
    monkeypatch.setattr(module, "AGAIN", 0.05)
    monkeypatch.setattr(module, "WAIT", 0.05)
    caplog.set_level(logging.WARNING)

    def refused() -> socket.socket:
        raise LiveError("no right")

    def device(*words: str) -> None:
        between.taker.ip("link", *words)

    def until(text: str) -> None:
        with inside(between.taker):
            for batch in source:
                seen.extend(batch.frames["length"].tolist())
                if any(text in record.getMessage() for record in caplog.records):
                    break
        caplog.clear()

    def received(count: int) -> None:
        with inside(between.taker):
            for batch in source:
                seen.extend(batch.frames["length"].tolist())
                if len(seen) >= count:
                    break

    seen: list[int] = []
    device("add", "come0", "type", "veth", "peer", "name", "go0")
    device("set", "come0", "up")
    settings = LiveSettings(ring=2, block=64, retire=0.01, snap=128, workers=workers)
    source = opened(between, "go0", expression="udp", settings=settings)  # down as yet
    monkeypatch.setattr(module, "unbound", refused)
    until("go0 went down")
    device("set", "go0", "up")
    until("go0 is up again")
    between.send(*(udp(number, b"a") for number in range(20)), device="come0")
    received(20)
    for time_of in (1, 2):
        device("del", "go0")
        until("go0 went down")
        device("add", "come0", "type", "veth", "peer", "name", "go0")
        device("set", "come0", "up")
        device("set", "go0", "up")
        until("go0 is up again")
        between.send(*(udp(number, b"ab") for number in range(20)), device="come0")
        received(20 + 20 * time_of)
    assert seen == [43] * 20 + [44] * 40
    counted = source.counters()
    assert (counted.received, counted.dropped) == (60, 0)
    if workers > 1:
        assert all(lane.ring.received for lane in source._lanes)
        device("del", "go0")
        until("go0 went down")
        device("add", "come0", "type", "veth", "peer", "name", "go0")
        device("set", "go0", "up")
        with pytest.raises(LiveError, match="the interface go0 was removed and came back more than 2 times"):
            until("go0 is up again")
    source.close()
    device("del", "go0")


def test_what_cannot_be_captured_is_said_in_a_sentence(between: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LiveError, match="there is no network interface 'ino'; did you mean in0"):
        opened(between, "ino")
    with pytest.raises(LiveError, match="there are in0, lo, and any"):
        opened(between, "wlp3s0")
    with pytest.raises(LiveError, match="no network interface is named"):
        LiveSource([], SMALL)
    with pytest.raises(LiveError, match=r"make live\.ring smaller"):
        opened(between, settings=LiveSettings(ring=1 << 20, block=65_536))

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket, "socket", refused)
    with pytest.raises(LiveError, match="CAP_NET_RAW"):
        LiveSource(["lo"], SMALL)


def test_empty_batches_while_nothing_comes(between: Wire) -> None:
    source = opened(between)
    before = time.time_ns()
    batch = next(iter(source))
    assert len(batch.frames) == 0
    assert before < source.horizon + 60_000_000 < time.time_ns() + 60_000_000
    source.close()
    assert list(source) == []


def test_frames_that_somebody_kept_read_as_zeros_afterwards(between: Wire) -> None:
    source = opened(between)
    between.send(udp(1, b"abc"))
    batch = next(each for each in source if len(each.frames))
    start = int(batch.frames["offset"][0])
    assert batch.data[start : start + 6].tobytes() == MAC[:6]
    source.close()
    assert batch.data[start : start + 6].tobytes() == bytes(6)


def test_it_waits_until_a_ring_should_be_partly_full() -> None:
    assert rest(0.04, FILLED / 2, 0.1) == 0.08
    assert rest(0.04, FILLED, 0.1) == 0.04
    assert rest(0.04, 4 * FILLED, 0.1) == 0.01
    assert rest(0.04, 0.0, 0.1) == 0.08  # nothing came: not longer at once than twice as long
    assert rest(0.08, 0.001, 0.1) == 0.1
