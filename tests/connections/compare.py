"""Runs headers through the kernels and through the reference, and compares all that comes out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.connections.packets import table
from tests.connections.reference import Reference, record
from tests.connections.reference_model import Connection, Side
from wireverdict.connections.notes import NEW, NOTE
from wireverdict.connections.tracker import Settings, Tracker
from wireverdict.records import Flag, Reason

SMALL = {"max_connections": 4096, "max_troubled": 2048, "max_histograms": 1024}
NOTE_NUMBERS = ("events", "reply_to", "rtt", "flight", "acked", "missed", "age", "spurious")


class Outcome(NamedTuple):
    """What a tracker made of some headers: NOTE and CONNECTION rows; records in the order in which they ended."""

    notes: NDArray[np.void]
    records: NDArray[np.void]
    tracker: Tracker

    @property
    def record(self) -> np.void:
        """The only record."""
        assert len(self.records) == 1, f"{len(self.records)} connections"
        return self.records[0]  # type: ignore[no-any-return]


def settings(**given: Any) -> Settings:
    """Settings with small tables."""
    return Settings(**{**SMALL, **given})


def run(rows: NDArray[np.void], given: Settings | None = None, cuts: Iterable[int] = ()) -> Outcome:
    """Track rows, handed over in batches that end at `cuts`; nothing is drained before the end."""
    tracker = Tracker(given or settings())
    notes = np.zeros(len(rows), NOTE)
    edges = sorted({0, len(rows), *cuts})
    for start, stop in itertools.pairwise(edges):
        assert tracker.track(rows, start, stop) == stop
        notes[start:stop] = tracker.notes[start:stop]
    tracker.finish()
    return Outcome(notes, tracker.drain(), tracker)


def check(rows: NDArray[np.void] | Iterable[dict[str, Any]], given: Settings | None = None) -> Outcome:
    """Run both, fail at the first difference; gives what the kernels made of it."""
    headers = rows if isinstance(rows, np.ndarray) else table(rows)
    outcome = run(headers, given)
    reference = Reference(given or settings()).track(headers)
    compare_notes(outcome.notes, reference)
    order = [c.number for c in reference.ended]
    reference.finish()
    assert [c.number for c in reference.ended[: len(order)]] == order
    compare_records(outcome.records, reference.ended)
    counts = outcome.tracker.counts
    assert {name: counts[name] for name in reference.counts} == reference.counts
    return outcome


def compare_notes(notes: NDArray[np.void], reference: Reference) -> None:
    """Every number of every note, and slots: one a connection as long as it lives."""
    tenants: dict[int, Connection] = {}
    for at, (got, want) in enumerate(zip(notes, reference.notes, strict=True)):
        for name in NOTE_NUMBERS:
            if name == "missed" and want.about is not None:
                assert tenants[int(got["missed"])] is want.about, f"packet {at}: the connection that is quoted"
                continue
            found, wanted = int(got[name]), getattr(want, name)
            assert found == wanted, f"packet {at}: {name}: {found:#x}, not {wanted:#x}"
        slot = int(got["slot"])
        if want.connection is None:
            assert slot == -1, f"packet {at}: slot"
            continue
        if got["events"] & NEW or slot not in tenants:
            tenants[slot] = want.connection
        assert tenants[slot] is want.connection, f"packet {at}: slot"


def compare_records(records: NDArray[np.void], ended: list[Connection]) -> None:
    """Every field of every record, in order."""
    assert len(records) == len(ended)
    for got, connection in zip(records, ended, strict=True):
        want = record(connection)
        where = f"connection {connection.number} ({connection.history}): "
        for name, value in want.items():
            if name == "history":
                assert letters(got) == value, where + name
            elif name == "flags":
                found = flags(got)
                assert found == value, where + str({f.name: (found[f], value[f]) for f in Flag if found[f] != value[f]})
            elif name in ("source", "destination"):
                for part, number in value.items():
                    assert int(got[name][part]) == number, f"{where}{name}.{part}: {got[name][part]}, not {number}"
            else:
                assert int(got[name]) == value, where + name
        for name, side in zip(("source", "destination"), connection.sides, strict=True):
            check_throughput(got[name], side, connection.first, where + name)
            check_percentiles(got[name], side, where + name)


def letters(record: np.void) -> str:
    """The history as text; what lies behind its end must be empty."""
    held = record["history"].tobytes()
    length = int(record["history_length"])
    assert not held[length:].strip(b"\0")
    return bytes(held[:length]).decode()


def flags(record: np.void) -> dict[Flag, bool | Reason]:
    """Flags as the reference gives them."""
    known, true = int(record["flags_known"]), int(record["flags_true"])
    assert not true & ~known
    why = {flag: Reason(int(record["reasons"][flag])) for flag in Flag}
    assert all((why[flag] == Reason.NONE) == bool(known >> flag & 1) for flag in Flag)
    return {flag: bool(true >> flag & 1) if known >> flag & 1 else why[flag] for flag in Flag}


def check_throughput(got: np.void, side: Side, first: int, where: str) -> None:
    """Times of data are kept in units of 16 µs since the connection's first packet, for 19 hours."""
    unit = 16_000
    value = int(got["throughput_bps"])
    times = [max(ts - first, 0) for ts in side.data_times]
    span = times[-1] - times[0] if times else 0
    if span < 1_000_000 - unit or times[-1] >= 0xFFFFFFFD * unit:
        assert value == 0, where
        return
    bits = max(side.stream - side.missed, 0) * 8 * 10**9
    if span >= 1_000_000 + unit or value:
        assert bits // (span + unit) - 1 <= value <= bits // (span - unit) + 1, where


def bucket_edges(us: int) -> tuple[int, int]:
    """The histogram bucket around a time: eight a power of two, one a µs below 16."""
    step = 1 << max(us.bit_length() - 4, 0)
    return us // step * step, us // step * step + step


def check_percentiles(got: np.void, side: Side, where: str) -> None:
    """Exact for up to three samples; else inside the bucket of the sample at that place, and within the extremes."""
    samples = sorted(side.rtts)
    n = len(samples)
    for name, percent in (("rtt_p50", 50), ("rtt_p95", 95)):
        value = int(got[name])
        if n == 0:
            assert value == 0, where
        elif n <= 3:
            middle = (samples[(n - 1) // 2] + samples[n // 2]) // 2
            assert value == (middle if percent == 50 else samples[-1]), f"{where}.{name}"
        else:
            low, high = bucket_edges(samples[math.floor(percent * (n - 1) / 100)])
            assert max(low, samples[0]) <= value <= min(high, samples[-1]), f"{where}.{name}"


def same(one: NDArray[np.void], other: NDArray[np.void]) -> bool:
    """Whether two arrays of records or notes are equal, field by field."""
    assert one.dtype == other.dtype
    return bool(np.array_equal(one, other))
