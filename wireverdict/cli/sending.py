"""What every ``wireverdict capture`` has in common, whatever it reads: its spool, and what it says at its end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from producers.capture import Capture
from producers.publisher import Publisher
from producers.spool import Spool

if TYPE_CHECKING:
    from wireverdict.cli.capturing import Options

LOG = logging.getLogger("wireverdict.capture")
FLUSH = 30.0
"""s that Kafka has to take the last batches."""
MEGABYTE = 1_000_000


def open_spool(options: Options) -> Spool | None:
    """Where batches wait while Kafka is away, if that was wished. Raises SpoolError."""
    return Spool(Path(options.spool), options.spool_limit * MEGABYTE) if options.spool else None


def log_sent(options: Options, done: Capture, seconds: float, **more: Any) -> None:
    """The last line of the log: what became of the packets. `seconds`: that it took."""
    LOG.info(
        "sent",
        extra={
            "sensor": options.sensor,
            "frames": done.frames,
            "headers": done.headers,
            **more,
            "left_out": dict(done.left_out),
            "seconds": round(seconds, 3),
        },
    )


def waiting(publisher: Publisher, spool: Spool | None) -> str:
    """A sentence about what Kafka has not taken and waits on disk; empty if nothing does."""
    if spool is None or not publisher.spooling:
        return ""
    return f"Kafka is away: {len(spool):,} bytes wait in {spool.directory} for the next start"
