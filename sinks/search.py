"""What Elasticsearch and OpenSearch have in common: bulk bodies, what their answers mean, and the templates in config/.

Connection records and the steps of verdicts are created in data streams. A document that is there already (409) was
written by us before: success. The latest state of each incident stands in an index of its own, one document for an
incident, versioned by packet time, so that steps that come late or twice do not put it back.

Identities hold within one backing index of a data stream: a document that is sent again after a rollover in between is
there twice, in two backing indices. A query by ``event.id`` shows that.
"""

from __future__ import annotations

import abc
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from sinks.base import INDEXED, Document, Kind, Refused, Sink, Unavailable
from wireverdict.sinking import ElasticsearchSettings, SearchSettings

DONE = (200, 201, 409)
"""Statuses of an item that is where it belongs; 409: it was there, or a later state was."""
REFUSED = (400, 413)
"""Statuses that are about the document. All others are about the server, and may pass."""
FILTER = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"


class Failure(NamedTuple):
    """An item of a bulk answer that was not done."""

    status: int
    reason: str


class TooMuch(Exception):
    """The server does not take the request as a whole: it is too large, or cannot be read."""


class _Own(msgspec.Struct, frozen=True):
    incident: str


class _Observer(msgspec.Struct, frozen=True):
    name: str = ""


class _Step(msgspec.Struct):
    timestamp: str = msgspec.field(name="@timestamp")
    wireverdict: _Own
    observer: _Observer = _Observer()


_STEP = msgspec.json.Decoder(_Step)


class SearchSink(Sink):
    """Delivers by bulk requests; `_bulk`, `_put` and `_check` are the client's part."""

    product = ""  # folder of the templates in config/

    def __init__(self, settings: SearchSettings) -> None:
        self.settings = settings
        self.wants = INDEXED if settings.connections else frozenset({Kind.VERDICT})

    @abc.abstractmethod
    def _check(self) -> None:
        """Connect, and see whether the server is there. Raises Unavailable."""

    @abc.abstractmethod
    def _bulk(self, body: bytes) -> Mapping[str, Any]:
        """Send it; the answer. Raises Unavailable, TooMuch."""

    @abc.abstractmethod
    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        """PUT an object of the cluster's. Raises Unavailable, ValueError when it is refused."""

    def open(self) -> None:
        """See Sink."""
        self._check()
        if self.settings.setup:
            self.setup()

    def setup(self) -> list[str]:
        """Put the templates; what was put. Raises Unavailable, ValueError."""
        done = []
        for path, body in objects(self.product, self.settings):
            self._put(path, body)
            done.append(path)
        return done

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """See Sink."""
        if not documents:
            return []
        operations: list[bytes] = []
        owners: list[int] = []
        for number, document in enumerate(documents):
            for action in actions(document, self.settings.namespace):
                operations += (action, document.body)
                owners.append(number)
        operations.append(b"")
        try:
            answer = self._bulk(b"\n".join(operations))
        except TooMuch as error:
            if len(documents) == 1:
                return [Refused(documents[0], str(error))]
            return self._halves(documents)
        return outcome(documents, owners, answer)

    def _halves(self, documents: Sequence[Document]) -> Sequence[Refused]:
        middle = len(documents) // 2
        refused = list(self.write(documents[:middle]))
        try:
            return [*refused, *self.write(documents[middle:])]
        except Unavailable as error:
            rest = documents[middle:] if error.rest is None else error.rest
            known = [*refused, *error.refused]
            raise Unavailable(str(error), rest=rest, refused=known, retry_after=error.retry_after) from error


def actions(document: Document, namespace: str) -> list[bytes]:
    """The action lines for a document, each to be followed by it."""
    if document.kind == Kind.CONNECTION:  # its id is hexadecimal: nothing in it needs escaping
        return [b'{"create":{"_index":"%b","_id":"%b"}}' % (_stream(document.kind, namespace), document.id.encode())]
    step = _STEP.decode(document.body)
    place = {"_index": _stream(document.kind, namespace).decode(), "_id": document.id}
    incident = {
        "_index": f"wireverdict-incidents-{namespace}",
        "_id": f"{step.wireverdict.incident}-{step.observer.name}",
        "version": max(_nanoseconds(step.timestamp), 0),
        "version_type": "external_gte",
    }
    return [orjson.dumps({"create": place}), orjson.dumps({"index": incident})]


@lru_cache
def _stream(kind: Kind, namespace: str) -> bytes:
    return f"logs-wireverdict.{kind}-{namespace}".encode()


def _nanoseconds(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _SECOND
    return whole * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or 0)


_SECOND = datetime(1970, 1, 1, 0, 0, 1) - datetime(1970, 1, 1)


def outcome(documents: Sequence[Document], owners: Sequence[int], answer: Mapping[str, Any]) -> list[Refused]:
    """What a bulk answer says. `owners`: the document of each item. Raises Unavailable if some are to be tried again."""
    items = answer.get("items", ())
    if len(items) != len(owners):
        raise Unavailable(f"the server answered for {len(items)} of {len(owners)} operations")
    again: dict[int, Failure] = {}
    refused: dict[int, Failure] = {}
    for owner, item in zip(owners, items, strict=True):
        (told,) = item.values()
        status = int(told.get("status", 0))
        if status in DONE:
            continue
        failure = Failure(status, reason(status, told.get("error")))
        (refused if status in REFUSED else again).setdefault(owner, failure)
    given_up = [Refused(documents[owner], failure.reason) for owner, failure in refused.items()]
    rest = [documents[owner] for owner in sorted(again.keys() - refused.keys())]
    if rest:
        first = again[next(iter(again))]
        raise Unavailable(f"{len(rest)} of {len(documents)} documents: {first.reason}", rest=rest, refused=given_up)
    return given_up


def reason(status: int, error: Any) -> str:
    """In words what an error of the server's says."""
    if not isinstance(error, Mapping):
        return f"status {status}: {error}" if error else f"status {status}"
    cause = error.get("caused_by")
    words = [error.get("type"), error.get("reason"), cause.get("reason") if isinstance(cause, Mapping) else None]
    return f"status {status}: " + ": ".join(str(word) for word in words if word)


def folder(product: str) -> Path:
    """Where config/PRODUCT is: beside the code, or where an installation put it. Raises ValueError."""
    places = (Path(__file__).resolve().parents[1] / "config", Path(sys.prefix) / "share" / "wireverdict" / "config")
    for place in places:
        if (place / product).is_dir():
            return place / product
    raise ValueError(f"the templates for {product} are neither in {places[0]} nor in {places[1]}")


def objects(product: str, settings: SearchSettings) -> list[tuple[str, dict[str, Any]]]:
    """What `setup` puts: path and body, in the order in which they need each other."""
    found = []
    for kind in ("_component_template", "_index_template"):
        for file in sorted((folder(product) / kind).glob("*.json")):
            body = json.loads(file.read_text(encoding="utf-8"))
            if "lifecycle" in body["template"] and isinstance(settings, ElasticsearchSettings):
                body["template"]["lifecycle"]["data_retention"] = settings.retention
            found.append((f"/{kind}/{file.stem}", body))
    return found
