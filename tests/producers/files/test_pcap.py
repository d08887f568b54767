from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.files.layout import MAX_CAPTURED
from tests.producers.read import packets, read, rows
from tests.producers.writer import Packet, pcap
from wireverdict.frames import IN, OUT, UNKNOWN

ONE = Packet(1_700_000_000_123_456_000, b"abcdef", 60)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1), (0xA12B3C4D, 1000)])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_order_and_resolution(
    tmp_path_factory: pytest.TempPathFactory, order: str, magic: int, unit: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("pcap") / "capture"
    wanted = data.draw(packets(unit=unit))
    path.write_bytes(pcap(wanted, order=order, magic=magic, unit=unit))
    found, report = read(path, block=data.draw(st.integers(1, 5)))
    assert found == wanted
    assert report.error is None
    assert report.format == "pcap"
    assert report.packets == len(wanted)
    assert report.bytes == sum(packet.length for packet in wanted)
    assert report.first_ts == min((packet.ts for packet in wanted), default=None)
    assert report.last_ts == max((packet.ts for packet in wanted), default=None)


def test_modified_variant_gives_directions(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap([ONE] * 5, magic=0xA1B2CD34, unit=1000, kinds=[0, 1, 2, 3, 4]))
    found, report = rows(path)
    assert [row["direction"] for row in found] == [IN, IN, IN, UNKNOWN, OUT]
    assert report.error is None
    assert read(path)[0] == [ONE] * 5


@pytest.mark.parametrize(("magic", "unit"), [(0x1C0001AC, 1), (0x1C0001AB, 1000)])
def test_ixia_has_four_more_bytes(tmp_path: Path, magic: int, unit: int) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap([ONE, ONE], magic=magic, unit=unit, extra=b"\1\2\3\4"))
    assert read(path)[0] == [ONE, ONE]


def test_old_versions_have_the_lengths_the_other_way_round(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap([ONE], version=(2, 2)))
    assert read(path)[0] == [ONE]


@pytest.mark.parametrize("swapped", [False, True])
def test_version_2_3_may_have_either(tmp_path: Path, swapped: bool) -> None:
    path = tmp_path / "capture"
    content = bytearray(pcap([ONE], version=(2, 3)))
    if swapped:
        content[32:40] = content[36:40] + content[32:36]
    path.write_bytes(content)
    assert read(path)[0] == [ONE]


def test_link_type_without_fcs_bits_and_file_number(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap([ONE], link=0x14000000 | 276))
    found, _ = rows(path, index=7)
    assert [(row["link"], row["file"]) for row in found] == [(276, 7)]


@pytest.mark.parametrize("snap", [0, 4, 0xFFFFFFFF])
def test_snap_length_is_no_bound(tmp_path: Path, snap: int) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap([ONE], snap=snap))
    assert read(path)[0] == [ONE]


def test_length_that_cannot_be_costs_only_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    good = pcap([ONE, ONE])
    bad = pcap([ONE])[24:32] + (MAX_CAPTURED + 1).to_bytes(4, "little") * 2
    path.write_bytes(good + bad + bytes(MAX_CAPTURED + 1))
    found, report = read(path)
    assert found == [ONE, ONE]
    assert report.error_offset == len(good)
    assert report.error is not None
    assert f"damaged at byte {len(good)}" in report.error
    assert str(MAX_CAPTURED + 1) in report.error
    path.write_bytes(pcap([Packet(5, bytes(MAX_CAPTURED), MAX_CAPTURED)]))
    assert read(path)[1].error is None


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 200))
def test_cut_anywhere_keeps_what_is_whole(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "capture"
    whole = [ONE._replace(ts=ONE.ts + i, data=ONE.data * i) for i in range(6)]
    content = pcap(whole)
    cut = min(cut, len(content))
    path.write_bytes(content[:cut])
    found, report = read(path)
    ends = [len(pcap(whole[:i])) for i in range(len(whole) + 1)]
    fit = [i for i, end in enumerate(ends) if end <= cut]
    assert found == whole[: fit[-1]] if fit else found == []
    assert (report.error is None) == (cut in ends)
    if fit and cut not in ends:
        assert report.error_offset == ends[fit[-1]]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_files_that_were_joined_are_told_from_damage(tmp_path: Path, order: str, magic: int, unit: int) -> None:
    path = tmp_path / "capture"
    one = pcap([ONE, ONE._replace(data=b"")], order=order, magic=magic, unit=unit)
    path.write_bytes(one + one)
    found, report = read(path)
    assert len(found) == 2
    assert report.last_ts == ONE.ts
    told = f"damaged at byte {len(one)}: another capture begins there: give files that were joined one by one"
    assert report.error == f"{told}; what came before it was read"


def test_unknown_version_is_told(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap([ONE], version=(3, 0)))
    found, report = read(path)
    assert found == []
    assert report.error is not None
    assert "pcap version 3.0" in report.error
