"""Tables and columns of a batch against the obvious way to make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.codec.made import names_of, random_batch
from wireverdict.codec import pack as p
from wireverdict.codec.layout import CHANGE, COLUMNS, FAR, FLOW, KIND, QUOTE
from wireverdict.codec.predict import FIELDS
from wireverdict.headers import HEADER, HeaderBatch


class Packed:
    """The kernel's arrays, with room for `most` rows."""

    def __init__(self, most: int, names: int = 10_000) -> None:
        self.most = most + 1
        self.counts = np.zeros(p.COUNTS, np.int64)
        self.steps, self.leads = np.zeros(most, np.int64), np.zeros(most, np.int64)
        self.flow, self.kind = np.zeros(most, np.int32), np.zeros(most, np.int32)
        self.changes = [np.zeros(14 * most, CHANGE[name]) for name in CHANGE.names or ()]
        self.far = [np.zeros(14 * most, FAR[name]) for name in FAR.names or ()]
        self.flows, self.kinds = np.zeros(most, FLOW), np.zeros((most, 4), np.uint64)
        self.lengths = np.zeros(most, np.uint32)
        self.hashes, self.asked = np.zeros(most, np.uint64), np.zeros(most, np.uint16)
        self.ends, self.held = np.zeros(most + 1, np.int32), np.zeros(names, np.uint8)
        self.quotes = np.zeros(most, QUOTE)
        self.state, self.indexes = np.full((2 * most, FIELDS), 0xAAAA, np.uint32), np.zeros((3, 8192), np.uint32)
        self.prints = np.zeros((3, most), np.uint64)

    def take(self, batch: HeaderBatch, which: np.ndarray, clocks: np.ndarray) -> tuple[int, int]:
        """How many it took, and why it stopped."""
        progress = np.array([self.most, 0, 0, p.ALL])
        held: tuple[Any, ...] = (
            self.counts, self.steps, self.leads, self.flow, self.kind,
            *self.changes, *self.far, self.flows, self.kinds, self.lengths, self.hashes, self.asked,
            self.ends, self.held, self.quotes, self.state, self.indexes, self.prints,
        )  # fmt: skip
        one = (array[np.newaxis] for array in held)
        p.pack(batch.rows, batch.names, which, np.array([len(which)]), clocks, progress, *one)
        return int(progress[p.AT]), int(progress[p.WHY])

    def entries(self, rows: int) -> dict[str, list[int]]:
        """What each field is off by, packet by packet."""
        found = {name: [0] * rows for name in COLUMNS[2:]}
        for lists, count in ((self.changes, p.CHANGES), (self.far, p.FARS)):
            row = 0
            for skip, field, by in zip(*(values[: self.counts[count]].tolist() for values in lists), strict=True):
                row += skip
                if by:
                    found[COLUMNS[field]][row] = by
        return found


def test_flows_kinds_questions_and_quotes_are_entered_once_in_order() -> None:
    batch, clock = random_batch(5, 300, 1.0)
    rows, count = batch.rows, len(batch.rows)
    for name in ("src_hi", "dst_hi", "sport", "dport", "present", "frame_length", "ip_length", "payload_length"):
        rows[name] %= 2
    for name in ("tcp_flags", "mss", "dns_flags", "vlan", "protocol", "ttl", "tos", "direction", "wscale"):
        rows[name] = 1
    packed = Packed(count)
    for which in (np.arange(100), np.arange(100, 101), np.arange(101, 300)):  # in pieces: it goes on where it was
        assert packed.take(batch, which, clock) == (len(which), p.ALL)
    entries = packed.entries(count)
    known_flows: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    known_kinds: list[tuple[int, ...]] = []
    known_questions: list[tuple[int, int, bytes]] = []
    lengths: dict[tuple[int, ...], int] = {}
    quoted = 0
    for i, (row, asked_for) in enumerate(zip(rows, names_of(batch), strict=True)):
        ends = [
            tuple(int(row[f]) for f in fields)
            for fields in (("src_hi", "src_lo", "sport"), ("dst_hi", "dst_lo", "dport"))
        ]
        pair, turned = (ends[0], ends[1]), (ends[1], ends[0])
        if pair not in known_flows and turned not in known_flows:
            known_flows.append(pair)
        reverse = pair not in known_flows
        assert packed.flow[i] == known_flows.index(turned if reverse else pair)
        kind = (
            *(int(row[part]) for part in ("present", "icmp_type", "icmp_code")),
            (int(row["ip_length"]) - int(row["payload_length"])) % 2**32,
            (int(row["frame_length"]) - int(row["ip_length"])) % 2**32,
            int(reverse),
        )
        if kind not in known_kinds:
            known_kinds.append(kind)
        assert packed.kind[i] == known_kinds.index(kind)
        assert entries["ip_length"][i] == int(row["ip_length"]) - lengths.get(kind, 0)
        lengths[kind] = int(row["ip_length"])
        question = (int(row["dns_qhash"]), int(row["dns_qtype"]), asked_for)
        if question != (0, 0, b"") and question not in known_questions:
            known_questions.append(question)
        assert entries["question"][i] == (known_questions.index(question) + 1 if question != (0, 0, b"") else 0)
        has_quote = any(row[field] for field in QUOTE.names or ())
        quoted += has_quote
        assert entries["quote"][i] == (quoted if has_quote else 0)
    used = packed.counts[[p.ROWS, p.FLOWS, p.KINDS, p.QUESTIONS, p.QUOTES]].tolist()
    assert used == [count, len(known_flows), len(known_kinds), len(known_questions), quoted]
    table = packed.kinds[: used[2]].reshape(-1).view(KIND)
    fields = ("present", "icmp_type", "icmp_code", "overhead", "link", "reverse")
    assert [tuple(int(entry[field]) for field in fields) for entry in table] == known_kinds
    ends_of = packed.ends[: used[3] + 1]
    assert packed.held[: ends_of[-1]].tobytes() == b"".join(name for _, _, name in known_questions)
    assert np.diff(ends_of).tolist() == [len(name) for _, _, name in known_questions]
    ts = rows["ts"].tolist()
    assert packed.counts[[p.START, p.NOW, p.FIRST, p.LAST]].tolist() == [ts[0], ts[-1], min(ts), max(ts)]
    np.testing.assert_array_equal(np.cumsum(packed.steps) + ts[0], rows["ts"])
    np.testing.assert_array_equal(packed.leads, clock - rows["ts"])
    assert packed.counts[p.AHEAD] == np.bitwise_or.reduce(packed.leads)


def test_indexes_grow_with_what_they_hold() -> None:
    many = 3 * p.SMALL
    rows = np.zeros(2 * many, HEADER)
    rows["sport"], rows["ttl"] = np.tile(np.arange(many), 2), np.tile(np.arange(many) % 256, 2)
    rows["vlan"] = rows["sport"] >> 8
    rows["dns_qhash"] = rows["sport"] + 1
    packed = Packed(2 * many)
    for part in np.array_split(np.arange(2 * many), 7):
        packed.take(HeaderBatch(rows, np.zeros(0, np.uint8)), part, rows["ts"].copy())
    assert packed.counts[[p.FLOWS, p.KINDS, p.QUESTIONS]].tolist() == [many] * 3
    assert packed.flow.tolist() == packed.kind.tolist() == rows["sport"].tolist()
    assert packed.entries(2 * many)["question"] == (rows["sport"] + 1).tolist()
    slots = packed.counts[p.SLOTS :].tolist()
    assert all(2 * many <= each <= 2 * many * p.GROWTH for each in slots)
    for index, each in zip(packed.indexes, slots, strict=True):
        assert np.count_nonzero(index[:each]) == many
        assert not index[each:].any()


def test_entries_far_apart_have_others_between_them() -> None:
    batch, clock = HeaderBatch(np.zeros(1000, HEADER), np.zeros(0, np.uint8)), np.zeros(1000, np.int64)
    batch.rows["ip_length"] = 60
    batch.rows["ip_length"][[700, 999]] = 61, 1 << 20
    batch.rows["payload_length"], batch.rows["frame_length"] = (
        batch.rows["ip_length"] - 40,
        batch.rows["ip_length"] + 14,
    )
    packed = Packed(1000)
    assert packed.take(batch, np.arange(1000), clock) == (1000, p.ALL)
    expected = [0] * 1000
    expected[0], expected[700], expected[701], expected[999] = 60, 1, -1, (1 << 20) - 60
    assert packed.entries(1000)["ip_length"] == expected
    assert packed.changes[0][: packed.counts[p.CHANGES]].max() == 255


def test_it_stops_where_names_have_no_room_and_goes_on_when_they_have() -> None:
    batch, clock = random_batch(2, 200, 0.5)
    packed = Packed(200, names=40)
    done, why = packed.take(batch, np.arange(200), clock)
    assert 0 < done < 200
    assert why == p.CRAMPED
    packed.held = np.concatenate([packed.held, np.zeros(10_000, np.uint8)])
    assert packed.take(batch, np.arange(done, 200), clock) == (200 - done, p.ALL)
    whole = Packed(200)
    whole.take(batch, np.arange(200), clock)
    assert whole.counts.tolist() == packed.counts.tolist()
    size = int(whole.ends[whole.counts[p.QUESTIONS]])
    assert whole.held[:size].tobytes() == packed.held[:size].tobytes()


def test_names_outside_and_clocks_behind_are_told() -> None:
    batch, clock = random_batch(3, 50, 0.5)
    assert Packed(50).take(batch, np.arange(50), clock - (clock == clock[20]))[1] == p.BEHIND
    assert Packed(50).take(batch._replace(names=batch.names[:3].copy()), np.arange(50), clock)[1] == p.OUTSIDE


def test_it_stops_where_a_message_is_full() -> None:
    batch, clock = random_batch(4, 50, 0.5)
    packed = Packed(50)
    packed.most = 30
    assert packed.take(batch, np.arange(50), clock) == (30, p.FULL)
    assert packed.counts[p.ROWS] == 30


@pytest.mark.parametrize(
    ("steps", "leads", "unit", "limits"),
    [
        ([0, 5000, -2000], [0, 0, 3000], 1000, (-2, 5, 0, 3)),
        ([0, 5001, -2000], [0, 0, 3000], 1, (-2000, 5001, 0, 3000)),
        ([0, 5000], [0, 7], 1, (0, 5000, 0, 7)),
        ([], [], 1000, (0, 0, 0, 0)),
    ],
)
def test_times_are_told_in_microseconds_where_they_are_whole(
    steps: list[int], leads: list[int], unit: int, limits: tuple[int, ...]
) -> None:
    both = np.array(steps, np.int64), np.array(leads, np.int64)
    assert p.settle(*both) == (unit, *limits)
    assert both[0].tolist() == [step // unit for step in steps]
    assert both[1].tolist() == [lead // unit for lead in leads]
