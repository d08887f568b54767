"""What is said when metrics cannot be served. Prometheus' client gives the bare error of the socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def serving(address: str, port: int, setting: str) -> Iterator[None]:
    """Around what opens the port. Raises OSError with a sentence that names the port and the `setting` that asked for it."""
    try:
        yield
    except OSError as error:
        raise OSError(cannot_serve(error, address, port, setting)) from None


def cannot_serve(error: OSError, address: str, port: int, setting: str) -> str:
    """``cannot serve metrics on 127.0.0.1 port 9100 (stream.metrics_port): Address already in use``."""
    return f"cannot serve metrics on {address} port {port} ({setting}): {error.strerror or error}"
