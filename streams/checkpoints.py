"""Snapshots of a partition's state in a compacted topic, which say up to where its messages have been applied.

One `Ledger` per partition of a source topic. Only its newest holder can write: a Kafka transactional id names the
partition, and whoever opens it fences all earlier holders, a worker that slept through a rebalance included (KIP-98).
A snapshot is some chunks and a manifest, in one transaction; chunks go to two slots in turn, so that compaction never
takes a chunk of the snapshot that is in force.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

SLOTS = ("a", "b")
TAILS = (64, 4_096)
"""Messages before the end of the topic in which the manifest is looked for first; then everything."""
TRANSACTION = 15.0
"""s after which brokers abort a transaction whose holder has died: readers wait for that at most."""
POLL = 1.0


class CheckpointError(RuntimeError):
    """A snapshot cannot be written or read; the message is a sentence. The worker has to stop."""


class Fenced(CheckpointError):
    """Somebody else holds the partition now."""


class Snapshot(NamedTuple):
    """A partition's state after its message `offset`."""

    offset: int
    state: bytes


class Manifest(msgspec.Struct, frozen=True):
    """The last message of a snapshot."""

    id: int
    slot: str
    offset: int
    size: int
    sha256: str
    first: int  # offset of the first chunk in the topic
    lengths: dict[str, int]  # chunks that each slot holds, older ones included


class Ledger:
    """Snapshots of one partition. Calls block; use one from one thread at a time."""

    def __init__(
        self,
        options: Mapping[str, Any],
        topic: str,
        group: str,
        source: tuple[str, int],
        *,
        partition: int,
        chunk: int = 524_288,
        patience: float = 60.0,
    ) -> None:
        """Take over the partition `source` (topic, number) for `group`: from now on no earlier holder can write.

        `options`: of librdkafka, to reach the brokers. `partition`: of the checkpoint topic. `chunk`: bytes.
        `patience`: s that brokers may be away. Raises CheckpointError.
        """
        self.topic, self.partition, self.chunk, self.patience = topic, partition, chunk, patience
        self.prefix = f"{group}/{source[0]}/{source[1]}/".encode()
        self._options = dict(options)
        self._last: Manifest | None = None
        self._producer = Producer(
            self._options
            | {
                "transactional.id": f"{group}-ckpt-{source[0]}-{source[1]}",
                "transaction.timeout.ms": round(TRANSACTION * 1000),
                "linger.ms": 5,
                "compression.type": "none",
                "message.max.bytes": 1_000_000,
            }
        )
        self._try(lambda: self._producer.init_transactions(patience), "take over the checkpoints")

    def restore(self) -> Snapshot | None:
        """The snapshot in force; None if there is none. Raises CheckpointError."""
        reader = Consumer(
            self._options
            | {
                "group.id": "none",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "fetch.message.max.bytes": 8_388_608,
            }
        )
        try:
            low, end = self._bounds(reader)
            for tail in (*TAILS, end - low):
                start = max(low, end - tail)
                found = self._read(reader, start, end)
                manifest = self._manifest(found)
                if manifest is not None and manifest.first < start:
                    found = self._read(reader, manifest.first, end)
                    manifest = self._manifest(found)
                if manifest is not None or start == low:
                    break
            self._last = manifest
            return None if manifest is None else Snapshot(manifest.offset, self._join(manifest, found))
        finally:
            reader.close()

    def save(self, snapshot: Snapshot) -> None:
        """Put a snapshot in force. When this returns it is durable. Raises Fenced, CheckpointError."""
        while not self._save(snapshot):
            pass

    def _save(self, snapshot: Snapshot) -> bool:
        """Whether it is in force; if not, the transaction was aborted and may be tried again."""
        last = self._last
        slot = SLOTS[0] if last is None or last.slot == SLOTS[1] else SLOTS[1]
        number = 0 if last is None else last.id + 1
        state = memoryview(snapshot.state)
        chunks = [state[at : at + self.chunk] for at in range(0, len(state), self.chunk)]
        lengths = {} if last is None else dict(last.lengths)
        offsets: list[int] = []
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failed.append(error)
            else:
                offsets.append(message.offset() or 0)

        try:
            self._producer.begin_transaction()
            headers = [("id", str(number).encode())]
            for index, chunk in enumerate(chunks):
                self._send(f"{slot}/{index}", bytes(chunk), headers, delivered)
            for index in range(len(chunks), lengths.get(slot, 0)):  # chunks of an older and larger snapshot
                self._send(f"{slot}/{index}", None, headers, delivered)
            self._producer.flush(self.patience)
            lengths[slot] = len(chunks)
            sha = hashlib.sha256(snapshot.state).hexdigest()
            manifest = Manifest(number, slot, snapshot.offset, len(state), sha, min(offsets, default=2**62), lengths)
            self._send("manifest", msgspec.json.encode(manifest), headers, delivered)
            self._producer.flush(self.patience)
            if failed or len(self._producer):
                raise CheckpointError(f"a checkpoint was not delivered: {failed[0].str() if failed else 'timed out'}")
        except KafkaException as error:
            return self._abort(error)
        except SystemError:  # a fatal error was raised inside a call of ours from C: what it was, the next call tells
            self._try(lambda: self._producer.abort_transaction(self.patience), "write a checkpoint")
            return False
        except CheckpointError:
            self._try(lambda: self._producer.abort_transaction(self.patience), "abort a checkpoint")
            raise
        try:
            self._try(lambda: self._producer.commit_transaction(self.patience), "commit a checkpoint")
        except _Abort as error:
            return self._abort(error.cause)
        self._last = manifest
        return True

    def _send(self, name: str, value: bytes | None, headers: list[tuple[str, bytes]], delivered: Any) -> None:
        while True:
            try:
                self._producer.produce(
                    self.topic,
                    key=self.prefix + name.encode(),
                    value=value,
                    headers=headers,  # type: ignore[arg-type]
                    partition=self.partition,
                    on_delivery=delivered,
                )
                break
            except BufferError:
                self._producer.poll(POLL)
        self._producer.poll(0)

    def _abort(self, error: KafkaException) -> bool:
        reason: KafkaError = error.args[0]
        if reason.fatal() or not reason.txn_requires_abort():
            raise _named(reason, "write a checkpoint")
        self._try(lambda: self._producer.abort_transaction(self.patience), "abort a checkpoint")
        return False

    def _try(self, call: Any, what: str) -> None:
        """Again and again while the brokers are away. Raises CheckpointError, _Abort."""
        until = time.monotonic() + self.patience
        while True:
            try:
                call()
                return
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if reason.txn_requires_abort() and not reason.fatal():
                    raise _Abort(error) from None
                if not reason.retriable() or time.monotonic() > until:
                    raise _named(reason, what) from None

    def _bounds(self, reader: Consumer) -> tuple[int, int]:
        until = time.monotonic() + self.patience
        while True:
            try:
                return reader.get_watermark_offsets(TopicPartition(self.topic, self.partition), 10.0, cached=False)
            except KafkaException as error:
                if time.monotonic() > until:
                    raise _named(error.args[0], "read the checkpoints") from None

    def _read(self, reader: Consumer, start: int, end: int) -> dict[bytes, Message]:
        """The last message of each of our keys between two offsets. Transactions that are open are waited for."""
        found: dict[bytes, Message] = {}
        if start >= end:
            return found
        reader.assign([TopicPartition(self.topic, self.partition, start)])
        until = time.monotonic() + self.patience
        at = start
        while at < end:
            message = reader.poll(POLL)
            if message is not None:
                error = message.error()
                if error is None:
                    key = _bytes(message.key())
                    if key.startswith(self.prefix):
                        found[key.removeprefix(self.prefix)] = message
                    until = time.monotonic() + self.patience
                elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                    raise _named(error, "read the checkpoints")
                at = max(at, (message.offset() or 0) + (error is None))
            if time.monotonic() > until:
                raise CheckpointError(f"the checkpoints in {self.topic}[{self.partition}] end at {at}, not at {end}")
        reader.unassign()
        return found

    def _manifest(self, found: Mapping[bytes, Message]) -> Manifest | None:
        message = found.get(b"manifest")
        return None if message is None else msgspec.json.decode(_bytes(message.value()), type=Manifest)

    def _join(self, manifest: Manifest, found: Mapping[bytes, Message]) -> bytes:
        parts = []
        for index in range(manifest.lengths[manifest.slot]):
            message = found.get(f"{manifest.slot}/{index}".encode())
            headers = dict(message.headers() or ()) if message is not None else {}
            if message is None or headers.get("id") != str(manifest.id).encode():
                raise CheckpointError(
                    f"chunk {index} of snapshot {manifest.id} is not in {self.topic}[{self.partition}]"
                )
            parts.append(_bytes(message.value()))
        state = b"".join(parts)
        if len(state) != manifest.size or hashlib.sha256(state).hexdigest() != manifest.sha256:
            raise CheckpointError(f"snapshot {manifest.id} in {self.topic}[{self.partition}] is damaged")
        return state


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


class _Abort(Exception):
    """The transaction has to be aborted, and can be done again."""

    def __init__(self, cause: KafkaException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _named(reason: KafkaError, what: str) -> CheckpointError:
    fenced = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
    kind = Fenced if reason.code() in fenced else CheckpointError
    return kind(f"cannot {what}: {reason.str()}")
