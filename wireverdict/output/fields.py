"""What a connection record says in every output: one table of fields, which the writers turn into JSON, CSV or Arrow
columns.

A field has the dotted name under which documents nest it (ECS where ECS has a name), a kind that says how a value is
made, and the columns of CONNECTION it is made of. docs/output.md describes each; a test keeps the two in step.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import NamedTuple

from wireverdict.records import Flag, Reason, RttMethod, State


class Kind(IntEnum):
    """How a value is made of columns."""

    CONSTANT = auto()  # the same text for every record: `text`
    INTEGER = auto()
    POSITIVE = auto()  # zero means not known: null
    MILLIS = auto()  # µs as ms; null when the second column (a number of samples) is zero
    MILLIS_NS = auto()  # ns as ms, whole µs; null when negative
    SUM = auto()  # of two columns
    TIME = auto()
    DURATION = auto()  # second column less the first, ns
    ADDRESS = auto()  # columns: high half, low half
    NETWORK = auto()  # "ipv4" or "ipv6", columns: as ADDRESS
    COMMUNITY_ID = auto()
    ID = auto()  # the identity of the record, made by record_ids: not a column
    HISTORY = auto()  # columns: letters, length
    BOOLEAN = auto()
    FLAG = auto()  # true, false or null: bit number in `text`'s place is `bit`
    REASONS = auto()  # why flags are null: an object of flag names
    NAME = auto()  # a code's name in `names`; null where that is empty


class Field(NamedTuple):
    """One value of a record. `columns`: dotted names in CONNECTION."""

    name: str
    kind: Kind
    columns: tuple[str, ...] = ()
    text: str = ""
    bit: int = 0
    names: tuple[str, ...] = ()
    run: str = ""  # consecutive fields of one run are often all zero, or (a run of LEARNT) as in a row before


_IANA = {
    1: "icmp",
    2: "igmp",
    4: "ipv4",
    6: "tcp",
    17: "udp",
    33: "dccp",
    41: "ipv6",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "ipv6-icmp",
    88: "eigrp",
    89: "ospf",
    103: "pim",
    112: "vrrp",
    132: "sctp",
    136: "udplite",
}
LEARNT = frozenset(("flags",))
"""Runs of which a few texts are remembered that are not for zeros."""
PROTOCOLS = tuple(_IANA.get(number, f"protocol-{number}") for number in range(256))
"""Transport keywords by IANA number, as ECS has them (``ipv6-icmp``, not ``icmp6``)."""

STATES = tuple(State(code).name for code in range(len(State)))
METHODS = ("", *(RttMethod(code).name.lower() for code in range(1, len(RttMethod))))
FLAGS = tuple(Flag(bit).name.lower() for bit in range(len(Flag)))
REASONS = ("not_judged", *(Reason(code).name.lower() for code in range(1, len(Reason))))
"""Words for why a flag is null. The first is for a flag that nobody has judged."""


def _ends(end: str) -> list[Field]:
    half = {"source": "src", "destination": "dst"}[end]
    return [
        Field(f"{end}.ip", Kind.ADDRESS, (f"{half}_hi", f"{half}_lo")),
        Field(f"{end}.port", Kind.INTEGER, (f"{half[0]}port",)),
        Field(f"{end}.packets", Kind.INTEGER, (f"{end}.packets",)),
        Field(f"{end}.bytes", Kind.INTEGER, (f"{end}.bytes",)),
    ]


def _side(end: str) -> list[Field]:
    trouble, timing = f"{end}.trouble", f"{end}.timing"

    def counter(name: str, run: str = "", column: str = "") -> Field:
        return Field(f"wireverdict.{end}.{name}", Kind.INTEGER, (f"{end}.{column or name}",), run=run)

    def positive(name: str, column: str) -> Field:
        return Field(f"wireverdict.{end}.{name}", Kind.POSITIVE, (f"{end}.{column}",), run=timing)

    def millis(name: str) -> Field:
        columns = (f"{end}.rtt_{name}", f"{end}.rtt_samples")
        return Field(f"wireverdict.{end}.rtt.{name}_ms", Kind.MILLIS, columns, run=timing)

    return [
        counter("payload_bytes"),
        counter("stream_bytes"),
        counter("retransmissions", trouble),
        counter("retransmitted_bytes", trouble),
        counter("spurious_retransmissions", trouble),
        counter("out_of_order", trouble),
        counter("duplicate_acks", trouble),
        counter("zero_windows", trouble),
        counter("keep_alives", trouble),
        counter("missed_bytes", trouble),
        counter("peak_in_flight_bytes", timing, "peak_in_flight"),
        positive("throughput_bps", "throughput_bps"),
        positive("mss_bytes", "mss"),
        millis("min"),
        millis("p50"),
        millis("p95"),
        millis("max"),
        counter("rtt.samples", timing, "rtt_samples"),
        Field(f"wireverdict.{end}.rtt.method", Kind.NAME, (f"{end}.rtt_method",), names=METHODS, run=timing),
    ]


FIELDS: tuple[Field, ...] = (
    Field("@timestamp", Kind.TIME, ("last_ts",)),
    Field("event.kind", Kind.CONSTANT, text="event"),
    Field("event.category", Kind.CONSTANT, text="network"),
    Field("event.dataset", Kind.CONSTANT, text="wireverdict.connection"),
    Field("event.start", Kind.TIME, ("first_ts",)),
    Field("event.end", Kind.TIME, ("last_ts",)),
    Field("event.duration", Kind.DURATION, ("first_ts", "last_ts")),
    *_ends("source"),
    *_ends("destination"),
    Field("network.transport", Kind.NAME, ("protocol",), names=PROTOCOLS),
    Field("network.type", Kind.NETWORK, ("src_hi", "src_lo")),
    Field("network.community_id", Kind.COMMUNITY_ID),
    Field("network.packets", Kind.SUM, ("source.packets", "destination.packets")),
    Field("network.bytes", Kind.SUM, ("source.bytes", "destination.bytes")),
    Field("flow.final", Kind.BOOLEAN, ("final",)),
    Field("wireverdict.conn_state", Kind.NAME, ("state",), names=STATES),
    Field("wireverdict.history", Kind.HISTORY, ("history", "history_length")),
    Field("wireverdict.handshake_ms", Kind.MILLIS_NS, ("handshake",)),
    Field("wireverdict.idle_ms", Kind.MILLIS_NS, ("idle",)),
    *(
        Field(f"wireverdict.flags.{name}", Kind.FLAG, ("flags_true", "flags_known"), bit=i, run="flags")
        for i, name in enumerate(FLAGS)
    ),
    Field("wireverdict.unknown", Kind.REASONS, ("flags_known", "reasons"), run="flags"),
    *_side("source"),
    *_side("destination"),
)
"""Every field, in the order of output; fields of one object stand together."""
