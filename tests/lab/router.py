"""A wire with delay: ``python -m tests.lab.router LEFT,DEVICE,ADDRESS… RIGHT,DEVICE,ADDRESS… --delay-ms 15``.

Two TUN devices, each in its namespace, and a loop between them that holds every packet until its time has come. The loop
is compiled (numba calls libc's ppoll, read and write directly) and runs at real-time priority, so that a busy machine
cannot add a delay of its own; how late packets left is measured all the same. SIGINT ends it; what it counted is then
printed as one JSON object.

Order is kept, but for a share of packets that `--reorder` holds back a little longer than those behind them.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import signal
import struct
import subprocess
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET, PR_SET_TIMERSLACK = 0x40000000, 29
CLOCK_MONOTONIC, POLLIN = 1, 1
SLOTS, ROOM = 8192, 2048
"""Packets that one direction can hold at a time, and bytes for each."""
SLICE = 100_000_000
"""ns after which the loop looks for signals."""
PRIORITY = 50

Array = NDArray[Any]
Function = TypeVar("Function", bound=Callable[..., Any])

_libc = ctypes.CDLL(None, use_errno=True)


def _compiled(function: Function) -> Function:
    """numba's njit, typed; nothing is cached, since addresses of libc's functions are part of the code."""
    return cast(Function, njit(function))


def _function(name: str, answer: Any, *arguments: Any) -> Any:
    found = getattr(_libc, name)
    found.restype, found.argtypes = answer, arguments
    return found


_size, _int = ctypes.c_size_t, ctypes.c_int
_read = _function("read", ctypes.c_ssize_t, _int, _size, _size)
_write = _function("write", ctypes.c_ssize_t, _int, _size, _size)
_ppoll = _function("ppoll", _int, _size, ctypes.c_ulong, _size, _size)
_clock_gettime = _function("clock_gettime", _int, _int, _size)

STATE = np.dtype(
    [
        ("head", np.int64, 4),  # of four queues: each direction's main one, then each direction's held-back one
        ("tail", np.int64, 4),
        ("last", np.int64, 2),  # the latest release time of each direction
        ("packets", np.int64, 2),
        ("bytes", np.int64, 2),
        ("reordered", np.int64, 2),
        ("overflow", np.int64),
        ("refused", np.int64),  # the device had no room for it
        ("lateness", np.int64, 64),  # how often a packet left so many sixteenths of a millisecond late; the last: more
        ("latest", np.int64),
        ("random", np.uint64),
    ]
)
"""What the loop remembers and counts; one row."""


@_compiled
def _now(spec: Array) -> Any:
    _clock_gettime(CLOCK_MONOTONIC, spec.ctypes.data)
    return spec[0] * 1_000_000_000 + spec[1]


@_compiled
def _chance(s: Any) -> Any:
    """Uniform in [0, 1), by xorshift64*."""
    x = s.random
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    s.random = x
    return np.float64((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) / 9007199254740992.0


@_compiled
def run(
    fds: Array, state: Array, data: Array, lengths: Array, due: Array, wire: Array, reorder: float, until: int
) -> None:
    """Move packets until CLOCK_MONOTONIC reaches `until` (ns).

    `fds` int32 (2,): the left and the right device. `data` uint8 (4, SLOTS, ROOM), `lengths` and `due` int64 (4, SLOTS):
    the queues. `wire` int64 (3,): delay, jitter, how much longer a reordered packet is held; all ns. `reorder`: share.
    """
    s = state[0]
    spec, wait = np.zeros(2, np.int64), np.zeros(2, np.int64)
    watched = np.zeros((2, 2), np.int32)  # struct pollfd: fd; events and revents
    now = _now(spec)
    while now < until:
        first = until
        for q in range(4):
            while s.head[q] < s.tail[q]:
                slot = s.head[q] % SLOTS
                if due[q, slot] > now:
                    first = min(first, due[q, slot])
                    break
                late = now - due[q, slot]
                s.latest = max(s.latest, late)
                s.lateness[min(late // 62_500, 63)] += 1
                place = data[q, slot].ctypes.data
                if _write(fds[1 - q % 2], place, lengths[q, slot]) < 0:
                    s.refused += 1
                s.head[q] += 1
                now = _now(spec)
        left = max(first - now, 0)
        wait[0], wait[1] = left // 1_000_000_000, left % 1_000_000_000
        for side in range(2):
            watched[side, 0], watched[side, 1] = fds[side], POLLIN
        _ppoll(watched.ctypes.data, 2, wait.ctypes.data, 0)
        now = _now(spec)
        for side in range(2):
            for _ in range(64):  # then look what is due
                held = reorder > 0.0 and _chance(s) < reorder
                q = side + 2 if held else side
                slot = s.tail[q] % SLOTS
                place = data[q, slot].ctypes.data
                got = _read(fds[side], place, ROOM)
                if got <= 0:
                    break
                now = _now(spec)
                s.packets[side] += 1
                s.bytes[side] += got
                if s.tail[q] - s.head[q] >= SLOTS - 1:
                    s.overflow += 1
                    continue
                lengths[q, slot] = got
                jitter = np.int64(wire[1] * _chance(s)) if wire[1] else 0
                due[q, slot] = max(now + wire[0] + jitter, s.last[side])
                if held:
                    due[q, slot] = max(now + wire[0] + wire[2], due[q, slot - 1 if slot else SLOTS - 1])
                    s.reordered[side] += 1
                else:
                    s.last[side] = due[q, slot]
                s.tail[q] += 1


def device(namespace: str, name: str, routes: list[str]) -> int:
    """A TUN device `name`, up in a namespace, and the file that reads and writes it. `routes`: prefixes behind it."""
    with open(f"/run/netns/{namespace}", "rb") as there:
        if _function("setns", _int, _int, _int)(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(("ip", "link", "set", name, "up", "txqueuelen", "20000"), check=True)
    for prefix in routes:
        family = ("-6",) if ":" in prefix else ()
        subprocess.run(("ip", *family, "route", "add", prefix, "dev", name), check=True)
    return tun


def report(state: Array) -> dict[str, Any]:
    """What the loop counted: packets and bytes from the left and from the right, and how late packets left."""
    s = state[0]
    total = int(s["lateness"].sum())
    late = int(np.searchsorted(np.cumsum(s["lateness"]), 0.99 * total)) + 1 if total else 0
    return {
        "packets": s["packets"].tolist(),
        "bytes": s["bytes"].tolist(),
        "reordered": s["reordered"].tolist(),
        "overflow": int(s["overflow"]),
        "refused": int(s["refused"]),
        "late_p99_ms": late / 16,
        "late_max_ms": round(int(s["latest"]) / 1e6, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("left", help="namespace,device,prefix…")
    parser.add_argument("right")
    parser.add_argument("--delay-ms", type=float, default=15.0, help="each way")
    parser.add_argument("--jitter-ms", type=float, default=0.0, help="at most so much more; order is kept")
    parser.add_argument("--reorder", type=float, default=0.0, help="share of packets that others overtake")
    parser.add_argument("--reorder-ms", type=float, default=4.0, help="for how long they are held back")
    parser.add_argument(
        "--longer-ms", type=float, default=0.0, help="each way; SIGUSR1 takes this longer route, or leaves it"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    def change_route(number: int, frame: FrameType | None) -> None:
        wire[0] = round(1e6 * (2 * given.delay_ms + given.longer_ms)) - wire[0]

    state = np.zeros(1, STATE)
    state["random"] = given.seed * 2_654_435_761 + 88_172_645_463_325_252
    data, lengths = np.zeros((4, SLOTS, ROOM), np.uint8), np.zeros((4, SLOTS), np.int64)
    due, fds = np.zeros((4, SLOTS), np.int64), np.zeros(2, np.int32)
    wire = np.round(1e6 * np.array([given.delay_ms, given.jitter_ms, given.reorder_ms])).astype(np.int64)
    rest = (state, data, lengths, due, wire, given.reorder)
    run(fds, *rest, 0)  # compiles
    for place, text in enumerate((given.left, given.right)):
        namespace, name, *routes = text.split(",")
        fds[place] = device(namespace, name, routes)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    _libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGUSR1, change_route)
    print("ready", flush=True)
    spec = np.zeros(2, np.int64)
    while not stopped:
        run(fds, *rest, _now(spec) + SLICE)
    print(json.dumps(report(state)))


if __name__ == "__main__":
    main()
