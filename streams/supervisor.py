"""Several workers on one machine: started, and started again when they die."""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from types import FrameType

LOG = logging.getLogger("wireverdict.stream")
LONGEST = 60.0
"""s: the longest delay before a start; and how long a worker has to live for the next delay to be the first again."""


class Delay:
    """How long to wait before the next start of something that died. Pure."""

    def __init__(self, first: float, longest: float = LONGEST) -> None:
        self.first, self.longest = first, longest
        self._next = first

    def after(self, lived: float) -> float:
        """Seconds, for something that lived for `lived` seconds."""
        if lived >= self.longest:
            self._next = self.first
        delay = self._next
        self._next = min(self._next * 2, self.longest)
        return delay


class Supervisor:
    """Keeps processes running until SIGTERM or SIGINT, which it hands on."""

    def __init__(self, commands: Sequence[Sequence[str]], *, first_delay: float, patience: float) -> None:
        """`commands`: one per process. `patience`: s that they may take to stop before they are killed."""
        self.commands, self.first_delay, self.patience = commands, first_delay, patience
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> int:
        """Until a signal; the exit status: 0 if all stopped by themselves."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)
        threads = [threading.Thread(target=self._keep, args=(index,)) for index in range(len(self.commands))]
        for thread in threads:
            thread.start()
        while not self._stop.wait(1.0):  # a wait without end would keep signals from being handled
            pass
        until = time.monotonic() + self.patience
        with self._lock:
            running = list(self.processes.values())
        for process in running:
            process.terminate()
        clean = all(_ended(process, until) for process in running)
        for thread in threads:
            thread.join()
        return 0 if clean else 1

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _keep(self, index: int) -> None:
        delay = Delay(self.first_delay)
        while True:
            with self._lock:
                if self._stop.is_set():
                    return
                process = self.processes[index] = subprocess.Popen(self.commands[index])
            begun = time.monotonic()
            LOG.info("worker process started", extra={"worker": index, "pid": process.pid})
            status = process.wait()
            if self._stop.is_set():
                return
            seconds = delay.after(time.monotonic() - begun)
            LOG.error("worker process ended", extra={"worker": index, "status": status, "restart_in": seconds})
            if self._stop.wait(seconds):
                return


def _ended(process: subprocess.Popen[bytes], until: float) -> bool:
    """Whether it stopped in time and well; killed if not."""
    try:
        return process.wait(max(0.0, until - time.monotonic())) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
