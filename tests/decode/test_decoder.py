from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decode.building import LINKS, SEGMENT, dns, ether, ip4, name, udp
from tests.decode.comparing import as_dicts, batch_of
from wireverdict.decode import Decoder, DecodeSettings
from wireverdict.frames import FrameBatch

MADE = [(link, prefix + ip4(SEGMENT)) for link, prefix in LINKS.values()]
MADE += [(1, ether(ip4(udp(dns(name(f"n{i}.example") + b"\0\1\0\1"), dport=53), 17))) for i in range(20)]
MADE += [(1, ether(b"", 0x0806)), (1, b""), (101, ip4(SEGMENT, fragment=3)), (1, ether(ip4(udp(b"?", dport=53), 17)))]


@given(st.lists(st.integers(0, len(MADE)), max_size=6), st.permutations(MADE))
def test_how_frames_are_batched_does_not_show(cuts: list[int], made: list[tuple[int, bytes]]) -> None:
    whole = batch_of(made)
    one = Decoder()
    wanted = as_dicts(one.decode(whole))
    other = Decoder()
    got = []
    edges = [0, *sorted(cuts), len(made)]
    for start, stop in pairwise(edges):
        got += as_dicts(other.decode(FrameBatch(whole.data, whole.frames[start:stop].copy())))
    assert got == wanted
    assert (other.skipped, other.flaws, other.slow) == (one.skipped, one.flaws, one.slow)


def test_every_frame_is_a_row_or_counted_once() -> None:
    decoder = Decoder()
    rows = decoder.decode(batch_of(MADE)).rows
    assert len(rows) + sum(decoder.skipped.values()) == len(MADE)
    assert decoder.skipped == {"arp": 2, "link_cut": 1, "fragment": 1, "link_type_147": 1}
    assert decoder.flaws == {"dns_malformed": 1}
    assert decoder.slow == 7
    assert np.all(np.diff(rows["ts"]) > 0)


def test_rows_hold_nothing_of_the_rows_before() -> None:
    decoder = Decoder()
    frames = [(101, ip4(SEGMENT)), (101, ip4(bytes(4), 89))]
    for order in (frames, frames[::-1], frames * 3):
        for _, row, _ in as_dicts(decoder.decode(batch_of(order))):
            if row["protocol"] == 89:
                assert set(row) <= {"protocol", "src_lo", "dst_lo", "frame_length", "ip_length", "payload_length"} | {
                    "ttl", "tos", "direction",
                }  # fmt: skip


def test_counts_grow_over_batches() -> None:
    decoder = Decoder()
    for _ in range(3):
        decoder.decode(batch_of([(1, ether(b"", 0x0806)), (147, b"x"), (147, b"y")]))
    assert decoder.skipped == {"arp": 3, "link_type_147": 6}


def test_a_read_only_buffer_and_one_that_can_be_written_to() -> None:
    batch = batch_of(MADE)
    assert not batch.data.flags.writeable
    frames = batch.frames.copy()
    frames.flags.writeable = False
    wanted = as_dicts(Decoder().decode(batch))
    assert as_dicts(Decoder().decode(FrameBatch(batch.data.copy(), frames))) == wanted
    odd = as_dicts(Decoder().decode(FrameBatch(batch.data, batch.frames[1::2])))  # frames with gaps in memory
    assert odd == [row for row in wanted if row[0] % 2]


def test_settings_are_checked() -> None:
    wrong: Any = "both"
    with pytest.raises(ValueError, match=r"'both'.*'inner' or 'outer'"):
        Decoder(DecodeSettings(tunnels=wrong))
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        Decoder(DecodeSettings(home_nets=("10.0.0.1/8",)))


def test_dpkt_is_loaded_only_when_needed() -> None:
    script = "import sys, wireverdict.decode as d; d.Decoder(); assert 'dpkt' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
