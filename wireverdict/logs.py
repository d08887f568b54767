"""Logs of the roles that run all the time: one JSON document a line on standard error, for whatever collects them."""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson

NOISY = ("wireverdict.kafka", "aiokafka", "faust", "mode")
"""Loggers of clients, which say the same many times a second while a broker is away."""
QUIET = 10.0
"""s for which such a logger does not say the same again."""
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record with ECS names; what was given as `extra` comes under ``wireverdict``."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        document: dict[str, Any] = {
            "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "log.level": record.levelname.lower(),
            "log.logger": record.name,
            "message": record.getMessage(),
            "service.name": f"wireverdict-{self.role}",
            "process.pid": record.process,
        }
        extra = {name: value for name, value in vars(record).items() if name not in _USUAL}
        if extra:
            document["wireverdict"] = extra
        if record.exc_info:
            document["error.stack_trace"] = self.formatException(record.exc_info)
        return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class Once(logging.Filter):
    """Lets a message of a logger and level through once in `QUIET` s, whatever its numbers are."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        if record.levelno >= logging.CRITICAL or not record.name.startswith(NOISY):
            return True
        kind = record.name, str(record.msg)[:8]  # librdkafka begins with what it is about: FAIL, GETPID, …
        now = time.monotonic()
        if now - self._said.get(kind, -QUIET) < QUIET:
            return False
        self._said[kind] = now
        return True


_ONCE = Once()


def hush() -> None:
    """Have clients' troubles told once in a while where a command has not set up logs: what comes of them, it says itself."""
    logging.getLogger("wireverdict.kafka").addFilter(_ONCE)


def set_up(role: str, level: int = logging.INFO) -> None:
    """Log from now on. Clients are heard from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(role))
    handler.addFilter(Once())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
