"""Running processes, told by the system: whether they are ready for a signal, and whether they wait."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

Process = subprocess.Popen[Any]
PATIENCE = 120.0
"""s after which a test gives up: far more than anything takes."""


def catches(process: Process, number: int = signal.SIGTERM) -> bool:
    """Whether it has its own way with a signal by now: while a program starts, most signals just end it."""
    status = Path("/proc", str(process.pid), "status").read_text(encoding="ascii", errors="replace")
    (caught,) = [line for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def ask(process: Process, number: int = signal.SIGTERM) -> None:
    """Send a signal that asks for an end, once it is heard as such. Nothing if the process has ended."""
    if number == signal.SIGINT:  # Python catches this one from its first moment, and programs otherwise
        raise ValueError("whether SIGINT is heard as a wish to stop cannot be told from outside")
    until = time.monotonic() + PATIENCE
    while process.poll() is None and not catches(process, number):
        assert time.monotonic() < until, f"{process.args!r} does not catch signal {number}"
        time.sleep(0.02)
    process.send_signal(number)


def wait_idle(process: Process, seconds: float = 1.0) -> None:
    """Until it has done nothing at all for a while, since everything that it has to do next waits for others."""
    until = time.monotonic() + PATIENCE
    before, since = _work(process.pid), time.monotonic()
    while time.monotonic() - since < seconds:
        assert time.monotonic() < until, f"{process.args!r} is never idle"
        assert process.poll() is None, f"{process.args!r} has ended"
        time.sleep(0.05)
        if (now := _work(process.pid)) != before or _runs(process.pid):
            before, since = now, time.monotonic()


def _threads(pid: int) -> list[list[str]]:
    """The fields of each thread's stat from its state on."""
    read = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            text = Path(f"/proc/{pid}/task/{thread}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:  # it has just ended
            continue
        read.append(text.rpartition(")")[2].split())
    return read


def _work(pid: int) -> int:
    """CPU time, in ticks of the clock."""
    return sum(int(fields[11]) + int(fields[12]) for fields in _threads(pid))


def _runs(pid: int) -> bool:
    """Whether a thread has something to do now: it runs, waits for a processor, or for a disk."""
    return any(fields[0] in "RD" for fields in _threads(pid))
