"""Troubles for tests of the notifier, in few words."""

from __future__ import annotations

from typing import Any

import orjson

from sinks.notify.trouble import Trouble, trouble
from tests.sinks.made import SECOND, START, verdict, verdict_body
from wireverdict.verdicts import Severity, Subject

NOW = START / 1e9


def dns(
    number: int = 0, step: str = "fired", at: int = 1, sensor: str = "gw", begun: int = 0, **changes: Any
) -> Trouble:
    """Of the client `number`, whose DNS queries go unanswered since `begun` (s); told at the end of the window `at`."""
    changes.setdefault("start", START + begun * SECOND)
    made = verdict(number, step, at, **changes)
    sent = NOW + 10.0 * at
    return trouble(orjson.loads(verdict_body(made, sensor)), sent)


def ratio(number: int = 0, step: str = "fired", at: int = 1, **changes: Any) -> Trouble:
    """The same client's answers are throttled."""
    return dns(number, step, at, **({"rule": "throttling-ratio", "name": "Answers are being throttled"} | changes))


def storm(number: int = 0, step: str = "fired", at: int = 1, **changes: Any) -> Trouble:
    """Something else, of another host for each number, at a port for each number."""
    subject = Subject(source_ip=f"198.51.{number // 200}.{number % 200 + 1}", destination_port=1000 + number)
    given: dict[str, Any] = {"rule": "retransmission-storm", "name": "Retransmission storm", "subject": subject}
    return dns(number, step, at, **(given | {"severity": Severity.WARNING} | changes))
