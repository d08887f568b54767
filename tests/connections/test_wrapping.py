"""Sequence numbers that wrap, and those around zero."""

from __future__ import annotations

import pytest

from tests.connections.compare import check
from tests.connections.packets import Talk

WRAP = 1 << 32


def test_sequence_numbers_wrap() -> None:
    talk = Talk(isn=(WRAP - 51, WRAP - 1)).handshake()
    talk.c(20, "P.", 100).s(30, "P.", 10).c(31, ".").c(32, "P.", 100, seq=201).c(33, "P.", 100, seq=101).s(40, ".")
    record = check(talk.rows).record
    assert (record["source"]["stream_bytes"], record["source"]["out_of_order"]) == (300, 1)
    assert record["source"]["missed_bytes"] == record["destination"]["missed_bytes"] == 0


@pytest.mark.parametrize("isn", [WRAP - 2, WRAP - 1, 0])
def test_numbers_around_zero_are_not_taken_for_unknown(isn: int) -> None:
    talk = Talk(isn=(isn, isn)).c(0, ".", ack=1, seq=1).c(1, ".", ack=1).s(2, "P.", 10, seq=1, ack=1).c(3, ".", ack=11)
    record = check(talk.rows).record
    assert (record["destination"]["payload_bytes"], record["destination"]["missed_bytes"]) == (10, 0)


def test_more_than_4_gb() -> None:
    talk = Talk().handshake()
    step = 1 << 30
    for gigabytes in range(1, 10):
        talk.next[0] = 1 + gigabytes * step
        talk.c(20 + gigabytes, "P.", 100).s(20 + gigabytes, ".")
    side = check(talk.c(50, "F.").rows).record["source"]
    assert side["stream_bytes"] == 9 * step + 100
    assert side["missed_bytes"] == 9 * step - 8 * 100
    assert side["payload_bytes"] == 900
