"""What tests ask about processes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.processes import ask, catches, wait_idle

CATCHES = """
import signal, sys
sys.stdin.readline()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("ready", flush=True)
while True:
    signal.pause()
"""
WORKS = """
import sys
for _ in sys.stdin:
    sum(range(20_000_000))
    print("done", flush=True)
"""


def python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_process_is_asked_when_it_listens() -> None:
    with python(CATCHES) as process:
        assert process.stdin is not None
        assert not catches(process)
        process.stdin.write("\n")
        process.stdin.flush()
        ask(process)
        assert process.wait(60) == 7
        ask(process)  # nobody there


def test_nobody_can_tell_whether_ctrl_c_is_heard() -> None:
    with python(WORKS) as process:
        with pytest.raises(ValueError, match="SIGINT"):
            ask(process, signal.SIGINT)
        process.kill()


def test_a_process_is_idle_when_its_work_is_done() -> None:
    with python(WORKS) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        wait_idle(process)
        process.kill()
        assert process.stdout.read() == "done\n"
