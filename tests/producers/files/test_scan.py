"""Kernels against slow parsers, on captures with a few bytes changed at random."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.files import scan
from producers.files.layout import MAX_CAPTURED, MalformedError, new_state
from producers.files.pcap import PcapLayout
from producers.files.pcapng import PcapngLayout
from tests.producers.writer import Packet, block, enhanced, interface, obsolete, pcap, section, simple
from wireverdict.frames import FRAME

Row = tuple[int, int, int, int]  # ts, offset, captured, length


def naive_pcap(content: bytes) -> tuple[list[Row], int, int]:
    """Rows, the position where it stops and why, of a little-endian capture in ns."""
    rows: list[Row] = []
    at = 24
    while True:
        if at + 16 > len(content):
            return rows, at, scan.MORE
        seconds, fraction, captured, length = struct.unpack_from("<IIII", content, at)
        if captured > MAX_CAPTURED:
            return rows, at, scan.BAD_CAPTURED
        if at + 16 + captured > len(content):
            return rows, at, scan.MORE
        rows.append((seconds * 10**9 + fraction, at + 16, captured, length))
        at += 16 + captured


def naive_pcapng(content: bytes) -> tuple[list[Row], int, int | None]:
    """The same for pcapng in the default resolution; the reason is None if it is Python that finds the fault."""
    rows: list[Row] = []
    known: list[int] = []
    at, order, last = 0, "<", 0
    while True:
        if at + 4 <= len(content) and content[at : at + 4] == b"\x0a\x0d\x0d\x0a" and at + 12 <= len(content):
            if at + 16 > len(content):
                return rows, at, scan.MORE
            if content[at + 8 : at + 12] not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                return rows, at, None
            new = ">" if content[at + 8] == 0x1A else "<"
            total, _, major, minor = struct.unpack_from(new + "IIHH", content, at + 4)
            if major != 1 or minor not in (0, 2) or total < 28 or total % 4 or total > scan.MAX_BLOCK:
                return rows, at, None
            if at + total > len(content):
                return rows, at, scan.MORE
            if struct.unpack_from(new + "I", content, at + total - 4)[0] != total:
                return rows, at, None
            order, known = new, []
            at += total
            continue
        if at + 12 > len(content):
            return rows, at, scan.MORE
        kind, total = struct.unpack_from(order + "II", content, at)
        if total < 12 or total % 4 or total > scan.MAX_BLOCK:
            return rows, at, scan.BAD_LENGTH
        if at + total > len(content):
            return rows, at, scan.MORE
        if struct.unpack_from(order + "I", content, at + total - 4)[0] != total:
            return rows, at, scan.BAD_TRAILER
        if kind == 1:
            if total < 20:
                return rows, at, None
            known.append(struct.unpack_from(order + "I", content, at + 12)[0])
        elif kind in (2, 6):
            if total < 32:
                return rows, at, scan.BAD_BLOCK
            number = struct.unpack_from(order + ("I" if kind == 6 else "H"), content, at + 8)[0]
            high, low, captured, length = struct.unpack_from(order + "IIII", content, at + 12)
            if captured > total - 32:
                return rows, at, scan.BAD_CAPTURED
            if number < len(known):
                last = min((high << 32 | low) * 1000, scan.LATEST)
                if (high << 32 | low) // 10**6 > (2**63 - 1) // 10**9 - 1:
                    last = scan.LATEST
                rows.append((last, at + 28, captured, length))
        elif kind == 3:
            if total < 16:
                return rows, at, scan.BAD_BLOCK
            if known:
                length = struct.unpack_from(order + "I", content, at + 8)[0]
                captured = min(length, total - 16, known[0] or total)
                rows.append((last, at + 12, captured, length))
        at += total


def scanned(layout: Any, content: bytes, size: int) -> tuple[list[Row], int, int | None]:
    """What the kernel makes of it, `size` rows at a time."""
    data = np.frombuffer(content, np.uint8)
    state = new_state()
    state[scan.FINAL] = 1
    state[scan.POSITION] = layout.begin(content[:512])
    rows: list[Row] = []
    while True:
        frames = np.zeros(size, FRAME)
        state[scan.FILLED] = 0
        fault = False
        while True:
            layout.scan(data, state, frames)
            if state[scan.STOP] not in (scan.SECTION, scan.INTERFACE):
                break
            try:
                if not layout.describe(data, state):
                    break
            except MalformedError:
                fault = True
                break
        part = frames[: state[scan.FILLED]]
        found = [tuple(int(row[name]) for name in ("ts", "offset", "captured", "length")) for row in part]
        times = [row[0] for row in found]
        assert bool(state[scan.ORDERED]) == (times == sorted(times))
        assert state[scan.WIRE] == sum(row[3] for row in found)
        assert state[scan.STORED] == sum(row[2] for row in found)
        if found:
            assert (state[scan.LOWEST], state[scan.HIGHEST]) == (min(times), max(times))
        rows += found  # type: ignore[arg-type]
        if fault:
            return rows, int(state[scan.POSITION]), None
        if state[scan.STOP] != scan.FULL:
            return rows, int(state[scan.POSITION]), int(state[scan.STOP])


PACKETS = [Packet(1_700_000_000 * 10**9 + i * 5_000, bytes([i]) * (7 * i % 23), 7 * i % 23) for i in range(12)]
CHANGES = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255) | st.sampled_from([0, 1, 4, 0xFF])), max_size=6)


def changed(content: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    out = bytearray(content)
    for at, value in changes:
        out[24 + at % (len(out) - 24)] = value
    return bytes(out[: len(out) - cut])


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES, cut=st.integers(0, 40), size=st.integers(1, 20))
def test_pcap_as_a_slow_parser(changes: list[tuple[int, int]], cut: int, size: int) -> None:
    content = changed(pcap(PACKETS), changes, cut)
    assert scanned(PcapLayout(0), content, size) == naive_pcap(content)


@settings(max_examples=400, deadline=None)
@given(changes=CHANGES, cut=st.integers(0, 40), size=st.integers(1, 20))
def test_pcapng_as_a_slow_parser(changes: list[tuple[int, int]], cut: int, size: int) -> None:
    content = section() + interface() + b"".join(enhanced(p, p.ts // 1000, flags=1) for p in PACKETS[:4])
    content += block(4, b"names") + b"".join(simple(p) for p in PACKETS[4:6])
    content += section(">") + interface(">") + b"".join(obsolete(p, p.ts // 1000, ">") for p in PACKETS[6:])
    changes = [(at, value) for at, value in changes if not 28 <= 24 + at % (len(content) - 24) < 28 + len(interface())]
    content = changed(content, changes, cut)
    found, wanted = scanned(PcapngLayout(0), content, size), naive_pcapng(content)
    if b"eth0" in content and content.count(b"eth0") == 2:
        assert found == wanted
    else:  # options of an interface were hit: its resolution may be anything
        assert [row[1:] for row in found[0]] == [row[1:] for row in wanted[0]]
        assert found[1:] == wanted[1:]
