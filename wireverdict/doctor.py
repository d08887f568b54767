"""What a fleet needs, looked at one thing after the other: each check gives a sentence, and what to do where it fails."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import secrets
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import msgspec
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AclOperation

from wireverdict.bus import BusSettings, Topic, librdkafka
from wireverdict.cluster import Cluster, Unreachable
from wireverdict.settings import Settings
from wireverdict.sinking import ElasticsearchSettings

SKEW = 1.0
"""s that the brokers' clock may differ from this host's."""
OLDEST = 7
"""Level of the metadata.version feature of Kafka 3.3, the oldest that compaction and static members were tried with."""
RELEASES = {7: "3.3", 8: "3.4", 9: "3.5", 12: "3.6", 15: "3.7", 20: "3.8", 21: "3.9", 22: "4.0", 26: "4.1", 28: "4.2"}
"""First level of metadata.version of each release (MetadataVersion.java)."""
NEEDED = {AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE}


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"  # it works, and something should be looked at
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True):
    """One line of the report."""

    name: str
    status: Status
    text: str


def checks(settings: Settings, timeout: float = 10.0) -> Iterator[Check]:
    """All of them, each when it is done; Elasticsearch only if there are settings for it."""
    yield codecs()
    try:
        cluster = Cluster(settings.bus, timeout)
        yield brokers(cluster)
    except (Unreachable, OSError) as error:
        yield Check("brokers", Status.FAILED, f"{error}; check bus.servers, the network, and how to log in")
    else:
        for name, check in (("topics", topics), ("permissions", permissions), ("clock", clock)):
            yield guarded(name, check, cluster)
    if settings.sinks.elasticsearch != ElasticsearchSettings():
        yield search(settings, timeout)


def guarded(name: str, check: Callable[[Cluster], Check], cluster: Cluster) -> Check:
    """A check whose failure is told like any other."""
    try:
        return check(cluster)
    except Unreachable as error:
        return Check(name, Status.FAILED, str(error))
    except KafkaException as error:
        return Check(name, Status.FAILED, error.args[0].str())


def codecs() -> Check:
    """What unpacks batches."""
    missing = [name for name in ("pyarrow", "zstandard") if importlib.util.find_spec(name) is None]
    if missing:
        return Check("codecs", Status.FAILED, f"{' and '.join(missing)} missing: pip install 'wireverdict[producer]'")
    import pyarrow as pa

    if not pa.Codec.is_available("zstd"):
        return Check("codecs", Status.FAILED, "this pyarrow has no zstd: install one from the package index")
    stream = importlib.util.find_spec("faust") is not None
    if stream and importlib.util.find_spec("cramjam") is None:
        return Check(
            "codecs", Status.FAILED, "cramjam is missing, and wireverdict stream needs it: pip install 'aiokafka[zstd]'"
        )
    return Check(
        "codecs",
        Status.OK,
        f"pyarrow {importlib.metadata.version('pyarrow')} with zstd" + (", cramjam" if stream else ""),
    )


def brokers(cluster: Cluster) -> Check:
    """Whether they answer, how many, and their version. Raises Unreachable."""
    found = cluster.metadata()
    count = len(found.brokers)
    level = metadata_version(cluster.settings, cluster.timeout)
    release = max((known for known in RELEASES if known <= level), default=0)
    text = f"{count} answer at {cluster.settings.servers}, Kafka {RELEASES.get(release, 'of unknown version')}"
    if level and level < OLDEST:
        return Check("brokers", Status.WARNING, f"{text}: older than 3.3, which was never tried")
    if count < cluster.settings.replication:
        return Check("brokers", Status.FAILED, f"{text}; bus.replication wants {cluster.settings.replication}")
    return Check("brokers", Status.OK, text)


def topics(cluster: Cluster) -> Check:
    """Whether all are there and as they should be."""
    missing, wrong = cluster.wrong()
    if missing:
        names = ", ".join(plan.name for plan in missing)
        return Check("topics", Status.FAILED, f"missing: {names}; run wireverdict topics create")
    if wrong:
        return Check("topics", Status.FAILED, "; ".join(wrong))
    return Check("topics", Status.OK, f"all {len(Topic)} are there and as planned")


def permissions(cluster: Cluster) -> Check:
    """Whether this user may read, write and describe every topic."""
    names = [cluster.settings.topic(topic) for topic in Topic]
    described = cluster.admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=cluster.timeout
    )
    refused = []
    for name, answer in described.items():
        allowed = set(answer.result().authorized_operations or ())
        lacks = sorted(operation.name.lower() for operation in NEEDED - allowed)
        if lacks and AclOperation.ALL not in allowed:
            refused.append(f"{name} ({', '.join(lacks)})")
    if refused:
        return Check("permissions", Status.FAILED, f"not allowed on {'; '.join(refused)}: ask for ACLs")
    return Check("permissions", Status.OK, "read, write and describe on every topic")


def clock(cluster: Cluster) -> Check:
    """Send a record and read it back: whether that works, and what time the broker says it is."""
    topic, mark = cluster.settings.topic(Topic.PROBES), secrets.token_bytes(8)
    failures: list[str] = []
    places: list[tuple[int, int]] = []

    def told(error: KafkaError | None, message: Any) -> None:
        if error is not None:
            failures.append(error.str())
        else:
            places.append((message.partition(), message.offset()))

    options = librdkafka(cluster.settings)
    producer = Producer({**options, "message.timeout.ms": round(cluster.timeout * 1000), "linger.ms": 0})
    before = time.time()
    producer.produce(topic, value=mark, on_delivery=told)
    producer.flush(cluster.timeout)
    after = time.time()
    if not places:
        return Check(
            "clock", Status.FAILED, f"a record to {topic} was not taken: {failures[0] if failures else 'no answer'}"
        )
    group = f"{cluster.settings.prefix}-doctor"
    consumer = Consumer({**options, "group.id": group, "enable.auto.commit": False, "fetch.wait.max.ms": 20})
    try:
        consumer.assign([TopicPartition(topic, *places[0])])
        record = consumer.poll(cluster.timeout)
    finally:
        consumer.close()
    if record is None or record.error() is not None or record.value() != mark:
        reason = "no answer" if record is None else str(record.error() or "another record came back")
        return Check("clock", Status.FAILED, f"a record that was sent to {topic} could not be read: {reason}")
    kind, stamp = record.timestamp()
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        return Check("clock", Status.WARNING, f"sent and read, but {topic} does not carry the broker's time")
    skew = max(before - stamp / 1e3 - 0.001, stamp / 1e3 - after, 0.0)
    round_trip = f"a record went there and back, {round((after - before) * 1000)} ms to be taken"
    if skew > SKEW:
        return Check("clock", Status.WARNING, f"{round_trip}; the broker's clock differs by {skew:.1f} s: check NTP")
    return Check("clock", Status.OK, f"{round_trip}; clocks agree within {SKEW:g} s")


def search(settings: Settings, timeout: float) -> Check:
    """Whether Elasticsearch answers where the settings say, lets us in, and is as it should be."""
    from wireverdict.searching import Trouble, look

    try:
        return Check("elasticsearch", Status.OK, look(settings.sinks.elasticsearch, timeout))
    except Trouble as trouble:
        return Check("elasticsearch", Status.FAILED if trouble.fatal else Status.WARNING, str(trouble))


def metadata_version(settings: BusSettings, timeout: float) -> int:
    """The cluster's finalized metadata.version, asked in the way of KIP-584 and KIP-511 (ApiVersions 3, before any login);
    0 where it cannot be had."""
    host, _, port = settings.servers.split(",")[0].strip().rpartition(":")
    text = b"wireverdict"
    software = bytes([len(text) + 1]) + text + bytes([2]) + b"0"
    body = struct.pack(">hhih", 18, 3, 1, len(text)) + text + b"\0" + software + b"\0"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout) as plain:
            wrapped: socket.socket = plain
            if settings.security_protocol.endswith("SSL"):
                context = ssl.create_default_context(cafile=settings.ca_file or None)
                if settings.certificate_file:
                    context.load_cert_chain(settings.certificate_file, settings.key_file or None)
                wrapped = context.wrap_socket(plain, server_hostname=host.strip("[]"))
            with wrapped:
                wrapped.sendall(struct.pack(">i", len(body)) + body)
                answer = wrapped.makefile("rb")
                with answer:
                    (size,) = struct.unpack(">i", answer.read(4))
                    return _finalized(answer.read(min(size, 1 << 20)))
    except (OSError, ValueError, struct.error, IndexError):
        return 0


def _finalized(answer: bytes) -> int:
    """metadata.version among the tagged fields of an ApiVersions response, version 3."""
    at = 4 + 2  # correlation id, error code

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = answer[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    for _ in range(varint() - 1):
        at += 6
        for _ in range(varint()):
            varint()
            at += varint()
    at += 4  # throttle time
    for _ in range(varint()):
        tag, size = varint(), varint()
        end = at + size
        if tag == 2:  # FinalizedFeatures
            for _ in range(varint() - 1):
                length = varint() - 1
                name = answer[at : at + length]
                at += length
                highest, _lowest = struct.unpack_from(">hh", answer, at)
                at += 4
                for _ in range(varint()):
                    varint()
                    at += varint()
                if name == b"metadata.version":
                    return int(highest)
        at = end
    return 0
