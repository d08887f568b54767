"""Network namespaces for lab scenarios: made for one run, joined by veth pairs, gone on every exit path.

Needs root, iproute2 and nftables. Nothing outside the namespaces is touched, and no address outside the ranges that are
reserved for benchmarks and documentation is used (198.18.0.0/15, 192.0.2.0/24, 2001:db8::/32).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "wvlab"
TOOLS = ("ip", "nft", "tcpdump", "setpriv")


class LabError(Exception):
    """What is missing or went wrong, in a sentence."""


def run(*command: str, stdin: str | None = None) -> str:
    """Run a command to its end and give its standard output; LabError with its own words when it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def require() -> None:
    """Raise LabError unless this process can build a network."""
    if os.geteuid():
        raise LabError("the lab makes network namespaces and needs root")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise LabError(f"the lab needs {', '.join(missing)}: install iproute2, nftables, tcpdump and util-linux")


class Namespace:
    """One network namespace and the processes that were started in it."""

    def __init__(self, name: str) -> None:
        self.name = f"{PREFIX}-{os.getpid()}-{name}"
        self._processes: list[subprocess.Popen[str]] = []

    def ip(self, *arguments: str) -> str:
        return run("ip", "-n", self.name, *arguments)

    def run(self, *command: str, stdin: str | None = None) -> str:
        return run("ip", "netns", "exec", self.name, *command, stdin=stdin)

    def sysctl(self, **values: int | str) -> None:
        """Set ``net.*`` values; a double underscore in a name stands for a dot: ``ipv4__ip_forward=1``."""
        for key, value in values.items():
            path = "/proc/sys/net/" + key.replace("__", "/")
            self.run("sh", "-c", f"echo {value} > {path}")

    def nft(self, ruleset: str) -> None:
        """Apply an nftables script atomically."""
        self.run("nft", "-f", "-", stdin=ruleset)

    def counters(self) -> dict[str, dict[str, int]]:
        """The named nftables counters: ``{name: {"packets": n, "bytes": n}}``."""
        listed = json.loads(self.run("nft", "--json", "list", "counters"))["nftables"]
        return {
            item["counter"]["name"]: {"packets": item["counter"]["packets"], "bytes": item["counter"]["bytes"]}
            for item in listed
            if "counter" in item
        }

    def start(self, *command: str, output: int | IO[str] = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a process that lives no longer than this one, even if this one is killed."""
        process = subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.name, *command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._processes.append(process)
        return process

    def python(self, module: str, *arguments: str, output: int | IO[str] = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start one of the lab's own programs here."""
        return self.start(sys.executable, "-m", module, *arguments, output=output)

    def close(self) -> None:
        """End what runs here (by process id) and remove the namespace."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        subprocess.run(("ip", "netns", "del", self.name), capture_output=True, check=False)


def interrupt(process: subprocess.Popen[str], seconds: float = 10.0) -> str:
    """SIGINT, wait for the end, and give what it said on standard error."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=seconds)
    return said


def result(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """Wait for a lab program and read the JSON object that it prints at its end."""
    printed, said = process.communicate(timeout=seconds)
    if process.returncode:
        raise LabError(f"{process.args!r}: exit status {process.returncode}: {said.strip()}")
    answer: dict[str, Any] = json.loads(printed)
    return answer


class Network:
    """Namespaces and wires of one scenario. Made by `network`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def namespace(self, name: str) -> Namespace:
        made = Namespace(name)
        self._stack.callback(made.close)  # first: a signal may come while the namespace is being made
        run("ip", "netns", "add", made.name)
        made.ip("link", "set", "lo", "up")
        return made

    def wire(
        self, left: Namespace, left_device: str, right: Namespace, right_device: str, *, offloads: bool = False
    ) -> None:
        """A veth pair, up at both ends; without offloads, frames are as they would be on a cable."""
        run(
            *("ip", "link", "add", left_device, "netns", left.name, "type", "veth"),
            *("peer", "name", right_device, "netns", right.name),
        )
        for end, device in ((left, left_device), (right, right_device)):
            if not offloads:
                end.run(sys.executable, str(Path(__file__).with_name("offloads.py")), device)
            end.ip("link", "set", device, "up")


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def remove_leftovers() -> None:
    """Remove namespaces of lab runs that were killed before they could clean up."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0] if line.split() else ""
        parts = name.split("-")
        if parts[0] == PREFIX and len(parts) > 2 and not Path("/proc", parts[1]).exists():
            subprocess.run(("ip", "netns", "del", name), capture_output=True, check=False)


@contextmanager
def network() -> Iterator[Network]:
    """A fresh network. On the way out, error, SIGTERM and Ctrl-C included, its processes end and its namespaces go."""
    require()
    remove_leftovers()
    before = {number: signal.signal(number, _stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with ExitStack() as stack:
            yield Network(stack)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def capture(where: Namespace, device: str, file: Path, *, snap: int = 128) -> Iterator[dict[str, int]]:
    """Record `device` with tcpdump while the body runs; the mapping holds its own counts afterwards."""
    counts: dict[str, int] = {}
    process = where.start(
        *("tcpdump", "-i", device, "-s", str(snap), "-w", str(file), "-U", "-Z", "root", "-n", "-B", "8192"),
        "--immediate-mode",
    )
    for _ in range(200):
        if file.exists() and file.stat().st_size >= 24:  # the file header is written once the ring is open
            break
        if process.poll() is not None:
            raise LabError(f"tcpdump ended at once: {process.communicate()[1].strip()}")
        time.sleep(0.05)
    try:
        yield counts
    finally:
        time.sleep(0.3)
        for line in interrupt(process).splitlines():
            words = line.split()
            if "packets" in words and words[0].isdigit():
                counts[" ".join(words[1:])] = int(words[0])
