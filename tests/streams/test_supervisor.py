from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from streams.supervisor import Delay

SUPERVISE = """
import sys
from streams.supervisor import Supervisor

child = [sys.executable, "-u", "-c", sys.argv[1]]
sys.exit(Supervisor([child, child], first_delay=0.01, patience=20.0).run())
"""


def test_delays_double_up_to_a_limit_and_begin_again_after_a_long_life() -> None:
    delay = Delay(1.0, longest=5.0)
    assert [delay.after(lived) for lived in (0.1, 0.1, 0.1, 0.1, 0.1)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert [delay.after(lived) for lived in (5.0, 0.1)] == [1.0, 2.0]


def supervised(code: str) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, code], stdout=subprocess.PIPE, text=True, env=environment, cwd=root
    )


def test_what_dies_is_started_again_and_what_runs_is_stopped_with_the_supervisor() -> None:
    code = """
import os, signal, sys
def say(what):
    os.write(1, f"{what} {os.getpid()}\\n".encode())  # in one piece: two processes write
signal.signal(signal.SIGTERM, lambda *_: (say("stopped"), sys.exit(0)))
say("started")
while True:
    signal.pause()
"""
    with supervised(code) as supervisor:
        assert supervisor.stdout is not None
        first, second = (supervisor.stdout.readline().split() for _ in range(2))
        assert {first[0], second[0]} == {"started"}
        os.kill(int(first[1]), signal.SIGKILL)
        third = supervisor.stdout.readline().split()
        assert third[0] == "started"
        assert third[1] not in (first[1], second[1])
        supervisor.terminate()
        said = {supervisor.stdout.readline().strip() for _ in range(2)}
        assert said == {f"stopped {second[1]}", f"stopped {third[1]}"}
        assert supervisor.wait() == 0
