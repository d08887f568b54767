from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decode.building import CARRIERS, INNER4, INNER6, LINKS, OVER_UDP, SEGMENT, dns, icmp, ip4, ip6, tcp, udp
from tests.decode.comparing import as_dicts, batch_of, differences
from wireverdict.decode import Decoder
from wireverdict.frames import FrameBatch

ROOT = Path(__file__).resolve().parents[2]
PACKETS = [
    ip4(SEGMENT),
    ip6(SEGMENT),
    INNER4,
    INNER6,
    ip4(tcp(dns(), dport=53)),
    ip4(icmp(3, 1, INNER4), 1),
    ip6(icmp(1, 1, INNER6), 58),
    ip4(bytes(range(60)), 132),
]
TUNNELS = [("ip", protocol, prefix) for protocol, prefix in CARRIERS.values()]
TUNNELS += [("udp", port, prefix) for port, prefix in OVER_UDP.values()]


def wrapped(inner: bytes, tunnel: tuple[str, int, bytes], six: bool) -> bytes:
    kind, number, prefix = tunnel
    carry = ip6 if six else ip4
    return carry(udp(prefix + inner, dport=number), 17) if kind == "udp" else carry(prefix + inner, number)


@st.composite
def frames(draw: st.DrawFn) -> tuple[int, bytes]:
    """A packet in up to five tunnels on some link type, with some bytes changed."""
    packet = draw(st.sampled_from(PACKETS))
    for tunnel in draw(st.lists(st.sampled_from(TUNNELS), max_size=5)):
        packet = wrapped(packet, tunnel, draw(st.booleans()))
    link, prefix = draw(st.sampled_from(list(LINKS.values())))
    frame = bytearray(prefix + packet)
    for _ in range(draw(st.integers(0, 3))):
        frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    return link, bytes(frame)


@given(st.lists(frames(), min_size=1, max_size=8), st.integers(0, 400), st.sampled_from(["inner", "outer"]))
def test_any_frames_decode_as_the_reference_says(made: list[tuple[int, bytes]], cut: int, tunnels: str) -> None:
    assert differences(batch_of(made), tunnels) == []
    assert differences(batch_of(made, cut=cut), tunnels) == []


@given(st.sampled_from(list(LINKS.values())), st.binary(max_size=200), st.booleans())
def test_garbage_decodes_as_the_reference_says(kind: tuple[int, bytes], garbage: bytes, prefixed: bool) -> None:
    link, prefix = kind
    assert differences(batch_of([(link, prefix * prefixed + garbage)])) == []


@given(st.lists(frames(), min_size=1, max_size=8), st.integers(0, 200), st.binary(min_size=64, max_size=64))
def test_nothing_outside_of_a_frame_matters(made: list[tuple[int, bytes]], cut: int, guard: bytes) -> None:
    wanted = None
    for around in (guard, bytes(64), b"\xff" * 64):
        decoder = Decoder()
        got = as_dicts(decoder.decode(batch_of(made, around, cut))), decoder.skipped, decoder.flaws
        wanted = wanted or got
        assert got == wanted


@pytest.mark.parametrize(
    ("offset", "captured"), [(-1, 60), (50, 60), (101, 0), (1 << 40, 60), (0, 0xFFFFFFFF), (-(1 << 62), 1)]
)
@pytest.mark.parametrize("link", [1, 104])
def test_frames_outside_of_their_buffer_are_counted(offset: int, captured: int, link: int) -> None:
    batch = batch_of([(link, bytes(60))], guard=bytes(20))
    table = batch.frames.copy()
    table["offset"], table["captured"] = offset, captured
    decoder = Decoder()
    assert len(decoder.decode(FrameBatch(batch.data, table)).rows) == 0
    assert decoder.skipped == {"frame_bounds": 1}


def run(script: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


UNGUARDED = """
import mmap, ctypes
import numpy as np
from tests.decode.test_fast import PACKETS, TUNNELS, wrapped
from tests.decode.building import LINKS
from wireverdict.decode import Decoder
from wireverdict.frames import FRAME, FrameBatch

page = mmap.PAGESIZE
area = mmap.mmap(-1, 3 * page)
base = ctypes.addressof(ctypes.c_char.from_buffer(area))
protect = ctypes.CDLL(None, use_errno=True).mprotect
protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
for forbidden in (base, base + 2 * page):
    assert protect(forbidden, page, 0) == 0
data = np.frombuffer(area, np.uint8)[page : 2 * page]
table = np.zeros(1, FRAME)
table["length"] = 2000
decoder = Decoder()
packets = PACKETS + [wrapped(PACKETS[2], tunnel, six) for tunnel in TUNNELS for six in (False, True)]
count = 0
for link, prefix in LINKS.values():
    for packet in packets[: len(packets) if link == 1 and not count else len(PACKETS)]:
        frame = np.frombuffer(prefix + packet, np.uint8)
        for size in range(len(frame) + 1):
            table["captured"], table["link"] = size, link
            for start in (0, page - size):  # a read before or behind the frame ends the process
                data[start : start + size] = frame[:size]
                table["offset"] = start
                decoder.decode(FrameBatch(data, table))
                count += 1
assert count > 50_000
"""


def test_nothing_outside_of_a_frame_is_read() -> None:
    run(UNGUARDED)


INTERPRETED = """
import warnings
import numpy as np
from tests.decode.test_fast import PACKETS, TUNNELS, wrapped
from tests.decode.building import LINKS
from tests.decode.comparing import differences
from wireverdict.decode.fast import decode_frames
from wireverdict.frames import FRAME, FrameBatch

assert not hasattr(decode_frames, "py_func")
warnings.simplefilter("ignore", RuntimeWarning)  # numbers that wrap, as they should
made = [(link, prefix + packet) for link, prefix in LINKS.values() for packet in PACKETS]
made += [(101, wrapped(PACKETS[2], tunnel, six)) for tunnel in TUNNELS for six in (False, True)]
for link, frame in made:
    for size in {len(frame), len(frame) // 2, len(frame) // 3, len(frame) - 7}:
        data = np.frombuffer(frame[:size], np.uint8)  # ends with the frame: numpy refuses what lies behind
        table = np.zeros(1, FRAME)
        table["captured"], table["length"], table["link"] = size, len(frame), link
        assert differences(FrameBatch(data, table)) == []
"""


def test_the_kernels_do_the_same_in_python_with_bounds_checked() -> None:
    run(INTERPRETED, NUMBA_DISABLE_JIT="1")


def test_a_batch_of_no_frames() -> None:
    batch = batch_of([])
    got = Decoder().decode(batch)
    assert (len(got.rows), len(got.names)) == (0, 0)
    assert got.rows.dtype.itemsize % 8 == 0
    assert isinstance(got.names, np.ndarray)
