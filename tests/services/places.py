"""Where servers for tests are kept, how they are downloaded, and how each is started once in a run.

Jars and archives come from Maven Central by `mvn` and stay in ~/.cache/wireverdict/services ($WIREVERDICT_SERVICES
overrides). What runs is unpacked under the system's directory for temporary files, because a home directory may be
closed to the throw-away user that Elasticsearch needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
USER = 64_100
"""A user id without a name: servers that refuse to run as root run as this one."""
_keepers: list[subprocess.Popen[bytes]] = []  # they outlive us, so nobody is to wait for them
START = 400.0
"""s after which a server that does not answer is given up."""


def cache() -> Path:
    """Where downloads stay."""
    path = Path(os.environ.get("WIREVERDICT_SERVICES") or Path.home() / ".cache" / "wireverdict" / "services")
    path.mkdir(parents=True, exist_ok=True)
    return path


def workshop() -> Path:
    """Where servers are unpacked and keep their data: open to the throw-away user, writable by us alone."""
    path = Path(tempfile.gettempdir()) / f"wireverdict-services-{os.geteuid()}"
    path.mkdir(mode=0o755, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{path} belongs to somebody else")
    return path


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file: one process at a time downloads, unpacks or starts."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def maven_copy(artifact: str, name: str) -> Path:
    """One archive from Maven Central; the file in the cache."""
    target = cache() / name
    with alone(cache() / f"{name}.lock"):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache()) as directory:
                maven("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={directory}")
                (made,) = Path(directory).iterdir()
                made.rename(target)
    return target


def maven(*arguments: str) -> None:
    """Run mvn; what it says is shown when it fails.

    One at a time, because two that fill an empty repository disturb each other; and again if it fails, as downloads do.
    """
    with alone(cache() / "maven.lock"):
        for _ in range(3):
            done = subprocess.run(["mvn", "-q", "-B", *arguments], capture_output=True, text=True, check=False)
            if not done.returncode:
                return
    raise RuntimeError(f"mvn {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def java_version() -> int:
    """Major version of the `java` on the path."""
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr
    return int(told.split('"')[1].split(".")[0])


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def controller() -> int:
    """The process id of the whole test run: with xdist, the one that started the workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def once(kind: str) -> dict[str, Any]:
    """What the run's server of that kind said of itself (see keeper.py); starts it if nobody has.

    It ends by itself when the test run ends, however that ends. Raises RuntimeError if it does not start.
    """
    directory = workshop() / f"run-{controller()}-{kind}"
    directory.mkdir(exist_ok=True)
    told = directory / "server.json"
    with alone(workshop() / f"{kind}.lock"):
        if not told.exists():
            command = [sys.executable, "-m", "tests.services.keeper", str(controller()), kind, str(directory)]
            with (directory / "keeper.log").open("w") as log:
                keeper = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
            _keepers.append(keeper)
            wait(told.exists, lambda: keeper.poll() is not None, directory / "keeper.log")
    found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    return found


def wait(ready: Callable[[], bool], ended: Callable[[], bool], log: Path) -> None:
    """Until `ready`. Raises RuntimeError with the end of the log if the process `ended` or takes too long."""
    deadline = time.monotonic() + START
    while not ready():
        if ended() or time.monotonic() > deadline:
            text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            raise RuntimeError(f"the server did not start:\n{text[-4000:]}")
        time.sleep(0.1)


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a process that leads a group of its own, and all of the group; waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
