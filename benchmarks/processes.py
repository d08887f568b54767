"""Measuring whole processes: time, processor time and memory of one run on one core."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Seconds and bytes. `anonymous`: peak memory without what is mapped from files, sampled every 5 ms."""

    wall: float
    cpu: float
    resident: int
    anonymous: int
    status: int
    error: str


@dataclass(slots=True)
class Series:
    """Runs of one command."""

    name: str
    command: Sequence[str]
    allowed: tuple[int, ...] = (0,)
    environment: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Median."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def resident(self) -> int:
        """The largest."""
        return max(run.resident for run in self.runs)

    @property
    def anonymous(self) -> int:
        """The largest."""
        return max(run.anonymous for run in self.runs)


def core() -> int:
    """The core that measured processes get: the last of those we may use."""
    return max(os.sched_getaffinity(0))


def warm(path: Path) -> None:
    """Read a file so that it is in the page cache."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def _watch(pid: int, peak: list[int], done: threading.Event) -> None:
    status = Path(f"/proc/{pid}/status")
    while not done.wait(0.005):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            if line.startswith("RssAnon:"):
                peak[0] = max(peak[0], int(line.split()[1]) * 1024)


def measure(command: Sequence[str], environment: dict[str, str] | None = None, *, pinned: bool = True) -> Run:
    """Run a command on `core`, or on all if it is not `pinned`; its output is thrown away."""
    peak = [0]
    done = threading.Event()
    # compiled sources are kept, as they are for users: else every start would compile them again
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        ("taskset", "-c", str(core()), *command) if pinned else command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**own, **(environment or {})},
    )
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done), daemon=True)
    watcher.start()
    try:
        assert process.stderr is not None
        with process.stderr:
            said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        process.send_signal(signal.SIGKILL)
        process.wait()
        raise
    finally:
        done.set()
        watcher.join()
    return Run(
        wall=time.perf_counter() - start,
        cpu=usage.ru_utime + usage.ru_stime,
        resident=usage.ru_maxrss * 1024,
        anonymous=peak[0],
        status=process.returncode,
        error=said.decode("utf-8", "replace").strip()[-300:],
    )


def alternate(series: Sequence[Series], runs: int, *, pinned: bool = True) -> None:
    """Run all commands in turn, `runs` times, so that what disturbs the machine disturbs them alike."""
    for _ in range(runs):
        for one in series:
            result = measure(one.command, one.environment, pinned=pinned)
            if result.status not in one.allowed:
                raise RuntimeError(f"{one.name}: exit status {result.status}: {result.error}")
            one.runs.append(result)


def missing(*programs: str) -> list[str]:
    """Those that are not installed."""
    return [program for program in programs if shutil.which(program) is None]
