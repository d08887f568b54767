"""Documents and messages for tests of sinks."""

from __future__ import annotations

import numpy as np
import orjson
from numpy.typing import NDArray

from sinks.base import Document, Kind, Origin
from sinks.sample import pages
from tests.output.connection_rows import make_rows
from wireverdict.output.identity import record_ids
from wireverdict.output.json_records import sensor_lines
from wireverdict.verdicts import Severity, Status, Subject, Verdict

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def verdict(number: int = 0, step: str = "fired", at: int = 1, **changes: object) -> Verdict:
    """A step in the life of the trouble `number`, at the end of the window `at`."""
    values: dict[str, object] = {
        "rule": "dns-loss",
        "name": "DNS queries go unanswered",
        "status": Status.RESOLVED if step == "resolved" else Status.FIRING,
        "step": step,
        "subject": Subject(
            source_ip=f"192.0.2.{number % 200 + 1}", destination_port=53 + number // 200, protocol="udp"
        ),
        "severity": Severity.CRITICAL,
        "confidence": 0.98,
        "start": START,
        "end": START + at * 10 * SECOND,
        "at": START + at * 10 * SECOND,
        "evidence": {"attempts": 837, "answered": 59, "queries_per_answer": 14.2, "top_names": ["a.example"]},
        "capture_quality": {"one_sided_share": 0.04},
        "remedy": "Look at the gateway.",
        "reason": "2 of 3 windows were bad",
    }
    return Verdict(**(values | changes))  # type: ignore[arg-type]


def verdict_body(made: Verdict, sensor: str = "gw") -> bytes:
    """The message's value."""
    return orjson.dumps(made.to_json() | {"observer": {"name": sensor}})


def verdict_document(number: int = 0, step: str = "fired", at: int = 1, **changes: object) -> Document:
    """As the delivery loop hands it to sinks."""
    made = verdict(number, step, at, **changes)
    origin = Origin("test.verdicts", 0, number)
    return Document(Kind.VERDICT, f"{made.id}-gw", verdict_body(made), origin, 0, made.fingerprint.encode())


def page_documents(number: int = 0) -> list[Document]:
    """A page about the trouble `number`: triggered, and resolved."""
    return pages([verdict_document(number), verdict_document(number, "resolved", 9)], START / SECOND)


def page_document(number: int = 0) -> Document:
    """A page that is triggered."""
    return page_documents(number)[0]


def sane_rows(count: int, seed: int = 1) -> NDArray[np.void]:
    """Connection rows as a network makes them: numbers in the range of a signed long, times after 1970."""
    rows = make_rows(count, seed)
    for side in ("source", "destination"):
        for name in rows[side].dtype.names or ():
            if rows[side][name].dtype == np.uint64:
                rows[side][name] >>= np.uint64(4)
    rows["first_ts"] = START + np.arange(count) * 1_000_000
    rows["last_ts"] = rows["first_ts"] + SECOND
    return rows


def connection_documents(count: int, seed: int = 1, sensor: str = "gw") -> list[Document]:
    """As the delivery loop hands them to sinks."""
    rows = sane_rows(count, seed)
    ids = record_ids(rows, sensor)
    lines = b"".join(bytes(piece) for piece in sensor_lines(rows, ids, sensor)).split(b"\n")[:-1]
    origin = Origin("test.connections", 0, 0)
    return [
        Document(Kind.CONNECTION, bytes(name).decode(), line, origin, item)
        for item, (name, line) in enumerate(zip(ids, lines, strict=True))
    ]
