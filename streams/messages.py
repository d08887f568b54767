"""What the state machines take and give: messages without a connection to any broker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from wireverdict.bus import MARK, SCHEMA, BadMessage, Topic


class Incoming(NamedTuple):
    """A message as it was read."""

    partition: int
    offset: int
    timestamp: int  # ms, when the broker or the producer stamped it
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Outgoing(NamedTuple):
    """A message to be sent. Equal inputs give equal bytes, so that sending it again changes nothing."""

    topic: Topic
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    partition: int | None = None  # None: by the key


Outputs = Callable[[], list[Outgoing]]
"""Makes what a message causes: once, in any thread, while other messages are applied."""


def nothing() -> list[Outgoing]:
    """What a message causes that causes nothing."""
    return []


def marked(message: Incoming, outputs: list[Outgoing]) -> list[Outgoing]:
    """What a message causes, with its mark if it comes of a replay."""
    marks = [(name, value) for name, value in message.headers if name == MARK]
    return [output._replace(headers=[*output.headers, *marks]) for output in outputs] if marks else outputs


class State(Protocol):
    """What an agent remembers of one partition: a function of the messages so far, and of nothing else."""

    @property
    def open(self) -> int:
        """How much is held: connections, or sensors."""
        ...

    def prepare(self, message: Incoming) -> Any:
        """Do what can be done of a message without knowing those before it, in any thread: for `apply`. Raises BadMessage."""
        ...

    def apply(self, message: Incoming, prepared: Any) -> Outputs:
        """Take up the next message; what it causes (`nothing` if that is nothing). Raises BadMessage, and then nothing has
        changed."""
        ...

    def missed(self) -> None:
        """The messages before the next one are gone unread: retention took them."""
        ...

    def dump(self) -> Callable[[], bytes]:
        """A copy of all memory as it is now. What is given makes bytes of the copy, for `load`, in any thread, while messages
        are applied on: of large states that takes much longer than the copy."""
        ...

    def load(self, data: bytes) -> None:
        """Take up what `dump` gave."""
        ...


class Closing(msgspec.Struct, frozen=True):
    """What a message on the windows topic says about itself: how far one shard of a sensor is, after one of its
    messages. Its value is a piece of the packed window parts that were closed on the way."""

    sensor: str
    epoch: int  # inputs of the sensor that have ended before
    shard: int
    shards: int
    offset: int  # of the message on the headers topic, in the partition `shard`, that caused this
    clock: int  # ns
    closed_through: int  # number of the last window closed for good
    ended: bool = False  # the shard's input is over
    piece: int = 0
    pieces: int = 1
    lost: dict[str, int] = {}  # batches of this epoch that never came, by reason

    def to_headers(self) -> list[tuple[str, bytes]]:
        """As Kafka headers."""
        origin = f"{self.shard}:{self.offset}:{self.piece}"
        return [
            ("wv-schema", str(SCHEMA).encode()),
            ("wv-sensor", self.sensor.encode()),
            ("wv-origin", origin.encode()),
            ("wv", msgspec.json.encode(self)),
        ]

    @staticmethod
    def from_headers(headers: Sequence[tuple[str, bytes]]) -> Closing:
        """From Kafka headers. Raises BadMessage."""
        given = dict(headers)
        schema = given.get("wv-schema", b"")
        if not schema.isdigit():
            raise BadMessage("no schema version in the message's headers: it does not come from a wireverdict worker")
        if int(schema) > SCHEMA:
            raise BadMessage(f"schema version {int(schema)}, newer than the {SCHEMA} that is known here")
        try:
            return msgspec.json.decode(given.get("wv") or b"", type=Closing)
        except msgspec.MsgspecError as error:
            raise BadMessage(f"unreadable envelope: {error}") from None
