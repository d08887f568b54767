"""What travels on Kafka and under which names. Values only: connections to a broker are made at the edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

SCHEMA = 2
"""Version of what messages hold. A reader refuses a newer one, and reads all older ones. 2: header batches tell what differs
from what was to be expected in tables (`wireverdict.codec.layout`) and no longer in a list for each field."""
MARK = "wv-replay"
"""Kafka header of everything that comes of a replay: its name. What has it pages nobody."""


class Topic(StrEnum):
    """Names of topics after the prefix."""

    HEADERS = "headers"
    CONNECTIONS = "connections"
    WINDOWS = "windows"
    VERDICTS = "verdicts"
    CHECKPOINTS = "checkpoints"
    DEAD_LETTERS = "dead-letters"
    SILENCES = "silences"  # what shall page nobody, for all notifiers
    NOTIFIER = "notifier"  # what notifiers remember
    PAGES = "pages"  # what they tell sinks
    PROBES = "probes"  # what `wireverdict doctor` sends to itself


class Kind(StrEnum):
    """What a message on the headers topic is."""

    HEADERS = "headers"  # a batch; also tells how far the sensor's clock is
    TICK = "tick"  # no headers: only how far the clock is
    END = "end"  # the sensor's input is over: close everything


class BadMessage(ValueError):
    """A message that cannot be used: it goes to the dead letters with this reason."""


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to reach Kafka, for every role."""

    servers: str = "localhost:9092"
    """host:port of brokers, comma separated."""
    prefix: str = "wireverdict"
    """before the names of topics, with a dot, and of consumer groups."""
    partitions: int = 16
    """of headers and connections, when topics are created: the most workers that can share them."""
    replication: int = 1
    """copies of each topic, when topics are created; 3 for a cluster that may lose a broker."""
    retention: float = 604_800.0
    """s that headers, connections and windows are kept, when topics are created. Verdicts and dead letters: four times as
    long. Checkpoints are compacted instead."""
    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: str = ""
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""
    sasl_username: str = ""
    """for SASL."""
    sasl_password: str = ""
    """for SASL; better from the environment (WIREVERDICT_BUS__SASL_PASSWORD) or a file than from a file of settings."""
    sasl_password_file: str = ""
    """a file whose first line is the password."""
    ca_file: str = ""
    """certificates (PEM) that sign the brokers'; empty: the system's."""
    certificate_file: str = ""
    """this client's own certificate (PEM), where brokers ask for one."""
    key_file: str = ""
    """its key (PEM)."""

    def __post_init__(self) -> None:
        if self.partitions < 1 or self.replication < 1:
            raise ValueError("bus.partitions and bus.replication must be at least 1")
        if self.retention <= 0:
            raise ValueError("bus.retention must be more than 0 s")
        allowed = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
        if self.security_protocol not in allowed:
            raise ValueError(
                f"bus.security_protocol is {self.security_protocol!r}; it must be one of {', '.join(allowed)}"
            )
        if self.security_protocol.startswith("SASL") and not self.sasl_mechanism:
            raise ValueError("bus.sasl_mechanism must be set for bus.security_protocol SASL_*")

    def topic(self, name: Topic) -> str:
        """The full name of a topic."""
        return f"{self.prefix}.{name}"

    def password(self) -> str:
        """From the setting or its file. Raises OSError."""
        if self.sasl_password_file:
            return Path(self.sasl_password_file).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
        return self.sasl_password


def librdkafka(settings: BusSettings) -> dict[str, Any]:
    """The settings as confluent-kafka wants them. Raises OSError when the password's file cannot be read."""
    from wireverdict.logs import hush  # logging takes a short run longer to import than most of what it needs

    hush()  # librdkafka tells of a broker that is away many times a second
    options: dict[str, Any] = {
        "bootstrap.servers": settings.servers,
        "security.protocol": settings.security_protocol,
    }
    if settings.security_protocol.startswith("SASL"):
        options["sasl.mechanism"] = settings.sasl_mechanism
        options["sasl.username"] = settings.sasl_username
        options["sasl.password"] = settings.password()
    files = {
        "ssl.ca.location": settings.ca_file,
        "ssl.certificate.location": settings.certificate_file,
        "ssl.key.location": settings.key_file,
    }
    options.update({name: value for name, value in files.items() if value})
    return options


class Envelope(msgspec.Struct, frozen=True):
    """What a message on the headers topic says about itself, in its Kafka headers.

    A sensor's messages to one partition are numbered from 0 within a `run`. Somebody who sends the same input again under
    the same run sends the same messages with the same numbers, so that a reader can leave out what it has had.
    """

    sensor: str
    run: str
    sequence: int
    kind: Kind
    clock: int  # ns, the latest packet time that the sensor has seen, headers of other partitions included
    partitions: int  # between which this sensor's headers are divided
    headers: int = 0
    before: int = 0  # headers in the messages before this one, of this run and partition
    first: int = 0  # ns, time of the first and last header; 0 without headers
    last: int = 0
    drops: dict[str, int] = {}  # what was lost before this message, by reason, since the run began
    capture: dict[str, int] = {}  # what the capturing side says of itself beside that, for people
    sampling: float = 1.0  # share of address pairs whose headers were kept (wireverdict.sampling)

    def to_headers(self) -> list[tuple[str, bytes]]:
        """As Kafka headers."""
        sampling = [("wv-sampling", str(self.sampling).encode())] if self.sampling < 1 else []
        return [("wv-schema", str(SCHEMA).encode()), ("wv", msgspec.json.encode(self)), *sampling]

    @staticmethod
    def from_headers(headers: Iterable[tuple[str, Any]] | Mapping[str, Any] | None) -> Envelope:
        """From Kafka headers. Raises BadMessage."""
        given = dict(headers or ())
        schema = given.get("wv-schema")
        if schema is None or not bytes(schema).isdigit():
            raise BadMessage("no schema version in the message's headers: it does not come from a wireverdict producer")
        if int(bytes(schema)) > SCHEMA:
            raise BadMessage(f"schema version {int(bytes(schema))}, newer than the {SCHEMA} that is known here")
        try:
            return msgspec.json.decode(bytes(given.get("wv") or b""), type=Envelope)
        except msgspec.MsgspecError as error:
            raise BadMessage(f"unreadable envelope: {error}") from None
