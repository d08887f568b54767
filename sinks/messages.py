"""From messages on Kafka to the documents that sinks deliver."""

from __future__ import annotations

from typing import Any

import msgspec

from sinks.base import Document, Kind, Origin
from wireverdict.bus import SCHEMA, BadMessage, BusSettings, Topic
from wireverdict.output.identity import LENGTH, record_ids
from wireverdict.output.json_records import sensor_lines

TOPICS = {Topic.CONNECTIONS: Kind.CONNECTION, Topic.VERDICTS: Kind.VERDICT, Topic.PAGES: Kind.PAGE}
"""Which topic holds what."""


class _Event(msgspec.Struct, frozen=True):
    id: str


class _Observer(msgspec.Struct, frozen=True):
    name: str = ""


class _Own(msgspec.Struct, frozen=True):
    fingerprint: str
    incident: str
    status: str


class _Verdict(msgspec.Struct):
    """As much of a verdict as sinks rely on."""

    event: _Event
    wireverdict: _Own
    observer: _Observer = _Observer()


_VERDICT = msgspec.json.Decoder(_Verdict)


def kinds(bus: BusSettings) -> dict[str, Kind]:
    """What each topic (full name) holds."""
    return {bus.topic(topic): kind for topic, kind in TOPICS.items()}


def documents(kind: Kind, origin: Origin, key: bytes, value: bytes, headers: Any, seed: int = 0) -> list[Document]:
    """The documents in a message. `headers`: Kafka's, pairs or None. `seed`: of the Community ID. Raises BadMessage."""
    given = dict(headers or ())
    schema = bytes(given.get("wv-schema") or b"")
    if schema.isdigit() and int(schema) > SCHEMA:
        raise BadMessage(f"schema version {int(schema)}, newer than the {SCHEMA} that is known here")
    if kind != Kind.CONNECTION:  # a page is shaped as a verdict
        return [_verdict(kind, origin, key, value, given)]
    from wireverdict.codec.connections import decode_connections

    rows = decode_connections(value)
    sensor = bytes(given.get("wv-sensor") or key).decode("utf-8", "replace")
    ids = record_ids(rows, sensor)
    text = b"".join(bytes(piece) for piece in sensor_lines(rows, ids, sensor, seed))  # a piece is valid until the next
    names = ids.tobytes().decode()
    return [
        Document(Kind.CONNECTION, names[item * LENGTH : (item + 1) * LENGTH], line, origin, item, key)
        for item, line in enumerate(text.split(b"\n")[:-1])
    ]


def _verdict(kind: Kind, origin: Origin, key: bytes, value: bytes, given: dict[str, Any]) -> Document:
    try:
        read = _VERDICT.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadMessage(f"not a {kind}: {error}") from None
    name = bytes(given.get("wv-id") or f"{read.event.id}-{read.observer.name}".encode()).decode("utf-8", "replace")
    return Document(kind, name, b" ".join(value.split(b"\n")), origin, 0, key)
