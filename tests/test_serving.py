"""A port that is taken is a sentence, for whatever serves metrics."""

from __future__ import annotations

import errno
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from producers.metrics import Metrics
from sinks.runner import Runner
from wireverdict.cli.stream import why_not
from wireverdict.serving import cannot_serve, serving
from wireverdict.settings import Settings
from wireverdict.sinking import SinkSettings
from wireverdict.streaming import StreamSettings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of 127.0.0.1 on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def named(port: int, setting: str) -> str:
    return f"cannot serve metrics on 127.0.0.1 port {port} ({setting}): Address already in use"


def test_what_goes_well_is_left_alone() -> None:
    with serving("127.0.0.1", 1, "x"):
        assert cannot_serve(OSError("odd"), "127.0.0.1", 1, "x") == "cannot serve metrics on 127.0.0.1 port 1 (x): odd"


def test_a_port_that_is_taken_is_named_by_producers_and_sinks(taken: int) -> None:
    with pytest.raises(OSError, match=re.escape(named(taken, "--metrics"))):
        Metrics().serve(taken)
    settings = Settings(sinks=SinkSettings(metrics_port=taken))
    with pytest.raises(OSError, match=re.escape(named(taken, "sinks.metrics_port"))):
        Runner([], settings, threading.Event())


def test_a_port_that_is_taken_is_named_by_workers() -> None:
    settings = StreamSettings(metrics_port=9_100)
    told = why_not(OSError(errno.EADDRINUSE, "Address already in use"), settings, 2)
    assert told == named(9_102, "stream.metrics_port")
    assert why_not(RuntimeError("no broker"), settings, 0) == "no broker"
    assert why_not(OSError(errno.ECONNREFUSED, "refused"), settings, 0) == f"[Errno {errno.ECONNREFUSED}] refused"
