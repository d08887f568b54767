from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.producers.read import packets, read, rows
from tests.producers.writer import Packet, block, enhanced, interface, obsolete, option, pcapng, section, simple
from wireverdict.frames import IN, OUT, UNKNOWN

TS = 1_700_000_000_123_456_000
ONE = Packet(TS, b"abcdef", 60)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_sections_in_both_orders_interfaces_and_all_packet_blocks(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("ng") / "capture"
    content, wanted, last, untimed, strange = b"", [], 0, 0, 0
    for _ in range(data.draw(st.integers(1, 3))):
        order = data.draw(st.sampled_from("<>"))
        content += section(order)
        units: list[int] = []
        for packet in data.draw(packets(unit=1000)):
            if data.draw(st.booleans()):
                resolution = data.draw(st.sampled_from([6, 9]))
                content += interface(order, link=len(units), resolution=resolution)
                units.append(10 ** (9 - resolution))
            if data.draw(st.booleans()):
                kind = data.draw(st.sampled_from([4, 5, 0x0BAD, 0x40000BAD, 0x80000001, 9]))
                content += block(kind, data.draw(st.binary(max_size=20)), order)
            number = data.draw(st.integers(0, 2))
            form = data.draw(st.sampled_from(["enhanced", "obsolete", "simple"]))
            if form == "simple":
                packet = packet._replace(length=len(packet.data))
                content += simple(packet, order)
                if units:
                    untimed += 1
                    wanted.append((packet._replace(ts=last), 0))
                else:
                    strange += 1
                continue
            writer = enhanced if form == "enhanced" else obsolete
            if number < len(units):
                content += writer(packet, packet.ts // units[number], order, number=number)
                wanted.append((packet, number))
                last = packet.ts
            else:
                content += writer(packet, packet.ts, order, number=number)
                strange += 1
    path.write_bytes(content)
    block_size = data.draw(st.integers(1, 9))
    found, report = read(path, block=block_size)
    assert found == [packet for packet, _ in wanted]
    assert [row["link"] for row in rows(path, block=block_size)[0]] == [link for _, link in wanted]
    assert report.error is None
    assert report.untimed == untimed
    assert report.skipped == ({"unknown_interface": strange} if strange else {})


@pytest.mark.parametrize("order", ["<", ">"])
def test_directions_from_flags(tmp_path: Path, order: str) -> None:
    path = tmp_path / "capture"
    flags = [None, 0, 1, 2, 3, 0x1D, 0x1E]
    path.write_bytes(section(order) + interface(order) + b"".join(enhanced(ONE, 1, order, flags=f) for f in flags))
    assert [row["direction"] for row in rows(path)[0]] == [UNKNOWN, UNKNOWN, IN, OUT, UNKNOWN, IN, OUT]


def test_default_resolution_is_microseconds(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(section() + interface() + enhanced(ONE, TS // 1000))
    assert read(path)[0] == [ONE]


def test_simple_packets_are_cut_at_the_snap_length_and_by_padding(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(
        section() + interface(snap=4) + enhanced(ONE, TS // 1000) + simple(Packet(0, b"abcd", 99)) + simple(ONE)
    )
    found, report = read(path)
    assert found == [ONE, Packet(TS, b"abcd", 99), Packet(TS, b"abcd", 60)]
    assert report.untimed == 2


def test_options_that_lie_about_their_length_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    lying = struct.pack("<HHI", 1, 0, 0) + option(14, b"12345678") + struct.pack("<HH", 9, 4000)
    path.write_bytes(section() + block(1, lying) + enhanced(ONE, TS // 1000))
    found, report = read(path)
    assert len(found) == 1
    assert report.error is None


WHOLE = section() + interface() + enhanced(ONE, TS // 1000) * 2


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (struct.pack("<II", 6, 8) + bytes(60), "length of 8 bytes"),
        (struct.pack("<II", 6, 61) + bytes(60), "length of 61 bytes"),
        (struct.pack("<II", 6, 1 << 30) + bytes(60), f"length of {1 << 30} bytes"),
        (struct.pack("<III", 5, 16, 0) + struct.pack("<I", 20), "ends with another"),
        (block(6, bytes(12)), "too short"),
        (block(3, b""), "too short"),
        (block(1, b""), "too short"),
        (block(6, struct.pack("<IIIII", 0, 0, 0, 200, 200) + bytes(8)), "200 captured bytes"),
        (section()[:8] + b"\1\2\3\4" + bytes(16), "byte-order magic"),
        (section(version=(2, 0)), "version 2.0"),
        (section()[:4] + struct.pack("<I", 20) + section()[8:], "length of 20 bytes"),
        (section()[:-4] + b"\0\0\0\0", "ends with another"),
        (enhanced(ONE, 1)[:-1], "cut short"),
        (section()[:10], "cut short"),
        (section()[:-1], "cut short"),
        (b"\6", "cut short"),
    ],
)
def test_damage_costs_only_the_tail(tmp_path: Path, tail: bytes, words: str) -> None:
    path = tmp_path / "capture"
    path.write_bytes(WHOLE + tail)
    found, report = read(path)
    assert found == [ONE, ONE]
    assert report.error is not None
    assert words in report.error
    assert str(len(WHOLE)) in report.error
    assert report.error_offset == len(WHOLE)


def test_many_interfaces(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    many = b"".join(interface(link=i) for i in range(100)) + b"".join(enhanced(ONE, 5, number=i) for i in range(100))
    path.write_bytes(section() + many)
    assert [row["link"] for row in rows(path)[0]] == list(range(100))


def test_ordinary(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcapng([ONE, ONE], ">"))
    assert read(path)[0] == [ONE, ONE]
