"""Documents to try a destination with: a verdict that fires and is resolved at once, so that no page stays open."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import orjson

from sinks.base import Document, Kind, Origin
from sinks.notify.core import Notifier
from sinks.notify.page import Page
from sinks.notify.trouble import trouble
from wireverdict.notifying import NotifySettings
from wireverdict.output.identity import record_ids
from wireverdict.output.json_records import sensor_lines
from wireverdict.records import CONNECTION
from wireverdict.verdicts import Severity, Status, Subject, Verdict

SENSOR = "wireverdict-test"
ORIGIN = Origin("test", 0, 0)
_WINDOW = 10_000_000_000


def samples(wants: frozenset[Kind], now: int) -> list[Document]:
    """Of each kind that is wanted. `now`: ns since 1970."""
    made = []
    if Kind.VERDICT in wants:
        made += [verdict_document(each) for each in _verdicts(now)]
    if Kind.PAGE in wants:
        made += pages([verdict_document(each) for each in _verdicts(now)], now / 1e9)
    if Kind.CONNECTION in wants:
        rows = np.zeros(1, CONNECTION)
        mapped = 0xFFFF << 32
        rows["src_lo"], rows["dst_lo"] = mapped | 0xC0000201, mapped | 0xC6336401  # 192.0.2.1, 198.51.100.1
        rows["first_ts"] = rows["last_ts"] = now
        rows["protocol"], rows["dport"], rows["final"] = 17, 53, 1
        ids = record_ids(rows, SENSOR)
        (line,) = b"".join(bytes(piece) for piece in sensor_lines(rows, ids, SENSOR)).splitlines()
        made.append(Document(Kind.CONNECTION, ids.tobytes().decode(), line, ORIGIN))
    return made


def verdict_document(verdict: Verdict, sensor: str = SENSOR) -> Document:
    """A verdict as sinks get it."""
    body = orjson.dumps(verdict.to_json() | {"observer": {"name": sensor}})
    return Document(Kind.VERDICT, f"{verdict.id}-{sensor}", body, ORIGIN, 0, verdict.fingerprint.encode())


def pages(verdicts: Sequence[Document], now: float) -> list[Document]:
    """What a notifier that waits for nothing makes of them at `now` (s since 1970)."""
    notifier = Notifier(NotifySettings(wait=0.0, hold=0.0, update=0.0))
    made = []
    for each in verdicts:
        notifier.hear(now, [trouble(each.value(), now)])
        made += notifier.tell(now)
    return [page_document(page) for page in made]


def page_document(page: Page) -> Document:
    """A page as sinks get it."""
    return Document(Kind.PAGE, page.id, orjson.dumps(page.document()), ORIGIN)


def _verdicts(now: int) -> list[Verdict]:
    fired = Verdict(
        rule="test",
        name="A test, nothing is wrong",
        status=Status.FIRING,
        step="fired",
        subject=Subject(source_ip="192.0.2.1", destination_ip="198.51.100.1", destination_port=53, protocol="udp"),
        severity=Severity.INFO,
        confidence=1.0,
        start=now - _WINDOW,
        end=now,
        at=now,
        evidence={"attempts": 100, "answered": 90},
        capture_quality={},
        remedy="Nothing is to be done: somebody ran wireverdict sink test.",
        reason="wireverdict sink test was run",
    )
    return [fired, dataclasses.replace(fired, status=Status.RESOLVED, step="resolved", at=now + 1, end=now + 1)]
