"""What a destination has to do, and what it can rely on. The docstrings are the contract; tests/sinks/conformance.py
checks it for every sink.

A sink of your own is a class like those here and a function that makes it from the settings, under the entry point
group ``wireverdict.sinks``; docs/sinks.md shows one.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import orjson


class Kind(StrEnum):
    """What a document is."""

    CONNECTION = "connection"
    VERDICT = "verdict"
    PAGE = "page"  # what people are told of a group of verdicts: see sinks.notify


INDEXED = frozenset({Kind.CONNECTION, Kind.VERDICT})
"""What systems that are searched are given."""


class Origin(NamedTuple):
    """The message that a document came in."""

    topic: str
    partition: int
    offset: int


class Document(NamedTuple):
    """One connection record, one step of a verdict, or one of a page.

    `id` is a function of the content: the same document read again has the same. `body` is a JSON object in UTF-8 on
    one line, without the line's end. `item` is its place among the documents of its message, `key` the message's key.
    """

    kind: Kind
    id: str
    body: bytes
    origin: Origin
    item: int = 0
    key: bytes = b""

    def value(self) -> dict[str, Any]:
        """The object."""
        made: dict[str, Any] = orjson.loads(self.body)
        return made


class Refused(NamedTuple):
    """A document that the destination will never take, and why: it becomes a dead letter."""

    document: Document
    reason: str


class Unavailable(Exception):
    """The destination cannot take documents now; trying again later may help.

    That is so for everything that is not about one document: no connection, a time-out, too many requests, an error
    of the server's, and wrong credentials too, which somebody will put right. `rest`: the documents that are still to
    be delivered (None: all that were given). `refused`: those that will never be taken. `retry_after`: s that the
    destination asked to be left alone. `status`: of an HTTP answer, 0 without one.
    """

    def __init__(
        self,
        reason: str,
        *,
        rest: Sequence[Document] | None = None,
        refused: Sequence[Refused] = (),
        retry_after: float | None = None,
        status: int = 0,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.rest = rest
        self.refused = refused
        self.retry_after = retry_after


class Sink(abc.ABC):
    """A destination. One thread uses a sink; `open` comes first, `close` last, `write` in between, never at once."""

    wants: frozenset[Kind] = frozenset({Kind.VERDICT})
    """What it is given. Topics with nothing of it are not read."""
    most: int | None = None
    """Documents that it is given at a time, where sinks.batch_documents is too many: those that send one by one should not
    take minutes for a call, nor send hundreds again after a crash."""

    notifies: bool = False
    """Whether people are woken by it, or systems that wake them: it gets nothing that was derived from a recording."""
    whole: bool = False
    """Whether all documents of a message have to come in one call, whatever sinks.batch_documents says."""

    @abc.abstractmethod
    def open(self) -> None:
        """Make ready: connections, templates, files. Called again after it raised Unavailable.

        Raises Unavailable, or ValueError for settings that cannot be (then the sink does not start).
        """

    @abc.abstractmethod
    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """Deliver the documents, in this order as far as the destination has an order.

        When it returns, every document has been accepted for good or is among those returned. Until then nothing
        counts as delivered: whatever was accepted before an exception (or before the process was killed) is given
        again, with the same ids, unless Unavailable.rest leaves it out. Writing a document twice must be no worse than
        writing it once, as far as the destination has a way to tell.

        Never blocks for longer than its own time-outs, and never waits to try again: raise Unavailable, and the
        delivery loop waits. Raises Unavailable; any other exception is a fault in the sink and stops it.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Let go of what `open` made. Nothing is waiting to be delivered; never raises."""


def slices(documents: Sequence[Document], most: int, octets: int, whole: bool = False) -> Iterator[Sequence[Document]]:
    """Consecutive parts of at most `most` documents and `octets` bytes; a document that is larger is alone.

    `whole`: parts end where a message ends, and are larger if it takes that.
    """
    start = size = 0
    for number, document in enumerate(documents):
        full = number - start >= most or size + len(document.body) > octets
        if number > start and full and not (whole and document.origin == documents[number - 1].origin):
            yield documents[start:number]
            start, size = number, 0
        size += len(document.body)
    if start < len(documents):
        yield documents[start:]
