"""The lab's wire: every packet arrives, late by the delay and in order, unless it is one of those to be overtaken."""

from __future__ import annotations

import socket
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.lab import router

DELAY = 20_000_000  # ns


def state() -> NDArray[Any]:
    made = np.zeros(1, router.STATE)
    made["random"] = 88_172_645_463_325_252
    return made


def through(packets: int, reorder: float = 0.0, jitter: int = 0) -> tuple[list[int], dict[str, Any], int]:
    """Send numbered packets from the left; gives the order of arrival, the report and how long it took at least (ns)."""
    left, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    right, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with left, near, right, far:
        for end in (near, far):
            end.setblocking(False)
        fds, counted = np.array([near.fileno(), far.fileno()], np.int32), state()
        data, lengths = np.zeros((4, router.SLOTS, router.ROOM), np.uint8), np.zeros((4, router.SLOTS), np.int64)
        due, wire = np.zeros((4, router.SLOTS), np.int64), np.array([DELAY, jitter, 5_000_000], np.int64)
        rest = (counted, data, lengths, due, wire, reorder)
        router.run(fds, *rest, 0)  # compiles
        for number in range(packets):
            left.send(number.to_bytes(4, "big"))
        began = time.monotonic_ns()
        right.setblocking(False)
        arrived: list[int] = []
        first = 0
        while len(arrived) < packets:
            router.run(fds, *rest, time.monotonic_ns() + 2_000_000)
            try:
                while True:
                    arrived.append(int.from_bytes(right.recv(16), "big"))
                    first = first or time.monotonic_ns()
            except BlockingIOError:
                continue
        return arrived, router.report(counted), first - began


def test_packets_come_in_order_and_no_earlier_than_the_delay() -> None:
    arrived, report, took = through(50)
    assert arrived == list(range(50))
    assert took >= DELAY - 1_000_000
    assert report["packets"] == [50, 0]
    assert report["bytes"] == [200, 0]
    assert report["overflow"] == report["refused"] == 0


def test_jitter_keeps_the_order() -> None:
    arrived, _, _ = through(50, jitter=10_000_000)
    assert arrived == list(range(50))


def test_held_back_packets_are_overtaken_and_counted() -> None:
    arrived, report, _ = through(100, reorder=0.2)
    assert sorted(arrived) == list(range(100))
    overtaken = sum(any(later < earlier for later in arrived[place:]) for place, earlier in enumerate(arrived))
    assert 0 < report["reordered"][0] < 50
    assert overtaken > 0


def test_lateness_is_measured() -> None:
    counted = state()
    counted["lateness"][0, 3], counted["lateness"][0, 40] = 98, 2
    counted["latest"] = 2_600_000
    told = router.report(counted)
    assert told["late_p99_ms"] == 41 / 16
    assert told["late_max_ms"] == 2.6
