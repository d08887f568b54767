"""``wireverdict watch`` as people run it: lines in a pipe, a screen on a terminal."""

from __future__ import annotations

import gzip
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from tests.cli.program import DEMO, ROOT, command, environment, run

ESCAPES = re.compile(r"\x1b(\[[0-9;?<>=]*[A-Za-z]|[()][A-Z0-9]|[=>]|P[^\x1b]*\x1b\\)")


def test_lines_where_there_is_no_terminal() -> None:
    told = run("watch", DEMO, "--rate", "max")
    assert (told.status, told.err) == (1, "")
    lines = told.out.splitlines()
    assert len([line for line in lines if " packets/s · " in line]) == 10
    assert len([line for line in lines if "CRITICAL fired" in line]) == 4
    assert lines[-1] == "end: 16,990 packets in 1 min 40 s, 8,266 connections; 4 verdicts, 4 of them over"
    assert run("watch", "--lines", DEMO, "--rate", "1000").out == told.out


def test_what_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    for arguments, sentence in (
        ([], "name a capture to watch, or an interface with -i"),
        ([str(DEMO), "-i", "lo"], "name a capture to watch, or an interface with -i"),
        (["-i", "nosuch0"], "nosuch0"),
        ([str(DEMO), "--rate", "fast"], "--rate fast: it must be real, max, or a number"),
        ([str(DEMO), "--filter", "port http or"], "--filter"),
        ([str(tmp_path / "missing.pcap"), "--rate", "max"], "missing.pcap: no such file"),
        ([str(DEMO), "--anonymise"], "WIREVERDICT_PRIVACY_KEY"),
    ):
        told = run("watch", *arguments)
        assert told.status == 2, arguments
        assert sentence in told.err, told.err
        assert "Traceback" not in told.err


def test_a_healthy_part_is_no_finding_and_a_filter_leaves_out() -> None:
    told = run("watch", DEMO, "--rate", "max", "--filter", "tcp port 80")
    assert told.status == 0
    assert "nothing found" in told.out.splitlines()[-1]


def test_standard_input_and_anonymised() -> None:
    key = "0123456789abcdef" * 4
    whole = gzip.decompress(DEMO.read_bytes())
    told = run("watch", "-", "--rate", "max", "--anonymise", data=whole, WIREVERDICT_PRIVACY_KEY=key)
    assert told.status == 1
    assert "198.18.0.2" not in told.out
    assert "4 of them over" in told.out


def test_ctrl_c_ends_lines_with_what_was_found() -> None:
    process = subprocess.Popen(
        command("watch", DEMO, "--rate", "10"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "packets/s" in first
    assert out.splitlines()[-1].startswith("end: ")
    assert err == ""


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, *arguments: str, size: tuple[int, int] = (24, 80)) -> None:
        self.seen = ""
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execve(sys.executable, command("watch", *arguments), environment(TERM="xterm-256color", LANG="C.UTF-8"))
        self.pid = pid
        ioctl(self.fd, TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def until(self, words: str, most: float = 90.0) -> None:
        """Read until these words have been on the screen; fails if the program ends or says nothing more."""
        while words not in self.text:
            ready, _, _ = select.select([self.fd], [], [], most)
            assert ready, f"{words!r} did not come; {self.text[-2000:]}"
            try:
                self.seen += os.read(self.fd, 65_536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"{words!r} did not come before the end; {self.text[-2000:]}") from None

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.seen)

    def press(self, keys: str) -> None:
        self.seen = ""
        os.write(self.fd, keys.encode())

    def end(self) -> int:
        """The exit status, once all has been read."""
        while True:
            try:
                data = os.read(self.fd, 65_536)
            except OSError:
                break
            if not data:
                break
            self.seen += data.decode(errors="replace")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_a_screen_on_a_terminal_and_its_exit_status() -> None:
    terminal = Terminal(str(DEMO), "--rate", "max")
    terminal.until("verdicts in the past")
    terminal.press("3\r")
    terminal.until("detectors.dns_loss.min_attempts")
    terminal.press("q?")
    terminal.until("What is shown")
    terminal.press("qq")
    assert terminal.end() == 1
    assert "\x1b[?1049l" in terminal.seen  # the terminal is as it was


@pytest.mark.parametrize(("how", "status"), [("ctrl+c", 130), ("SIGTERM", 143)])
def test_leaving_a_screen_at_once(how: str, status: int) -> None:
    terminal = Terminal(str(DEMO), "--rate", "1")
    terminal.until("packets/s")
    if how == "SIGTERM":
        os.kill(terminal.pid, signal.SIGTERM)
    else:
        terminal.press("\x03")
    assert terminal.end() == status
    assert "\x1b[?1049l" in terminal.seen
    assert "Traceback" not in terminal.text
