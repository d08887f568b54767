"""One direction of a TCP connection for plots: time and sequence numbers in the style of tcptrace (Ostermann; Shepard 1991),
and round trips against bytes in flight."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ACK, SACK1, SYN, TIMESTAMPS, WINDOW_SCALE
from wireverdict.verdicts import Subject
from wireverdict.windows.home import address_halves

SECOND = 1_000_000_000
MARKS = 1_200
"""Data packets in a time-sequence plot, and dots in a plot of round trips: more are a blur."""
EXAMINED = 60_000
"""Headers of the connection that are looked at."""


class Direction(NamedTuple):
    """A connection's headers, in order, and which of them the sender sent."""

    rows: NDArray[np.void]
    sent: NDArray[np.bool_]
    name: str


def busiest(rows: NDArray[np.void], subject: Subject) -> Direction | None:
    """The direction of a connection (of TCP headers) with most data sent again, then with most data; of the subject's source
    as the sender, if it names one and this sends any. None without data."""
    columns = [rows[name].astype(np.uint64) for name in ("src_hi", "src_lo", "dst_hi", "dst_lo")]
    forward = (columns[0] < columns[2]) | ((columns[0] == columns[2]) & (columns[1] <= columns[3]))
    keys = np.empty((len(rows), 6), np.uint64)
    for place, (a, b) in enumerate(((0, 2), (1, 3))):
        keys[:, place] = np.where(forward, columns[a], columns[b])
        keys[:, place + 2] = np.where(forward, columns[b], columns[a])
    keys[:, 4] = np.where(forward, rows["sport"], rows["dport"])
    keys[:, 5] = np.where(forward, rows["dport"], rows["sport"])
    _, which = np.unique(keys, axis=0, return_inverse=True)
    which = which.reshape(-1)
    data = np.where(rows["payload_length"] > 0, rows["payload_length"], 0)
    best: tuple[tuple[bool, int, int], Direction] | None = None
    for number in np.argsort(-np.bincount(which, data))[:20].tolist():
        own = np.flatnonzero(which == number)[:EXAMINED]
        mine = rows[own]
        for sent in (forward[own], ~forward[own]):
            if not np.any(mine["payload_length"][sent]):
                continue
            again = int(np.count_nonzero(_sent_again(mine[sent])))
            weight = _is_source(mine[sent][0], subject), again, int(mine["payload_length"][sent].sum())
            if best is None or weight > best[0]:
                ports = int(mine[sent][0]["sport"]), int(mine[sent][0]["dport"])
                best = weight, Direction(mine, sent, f"port {ports[0]} to port {ports[1]}")
    return best[1] if best else None


def time_sequence(chosen: Direction, zero: int, marked: int) -> tuple[str, dict[str, Any]]:
    """Note and series: ``data`` and ``again`` (time, first byte, last byte), ``ack`` and ``window`` (time, number), ``sack``
    (time, left, right); times in s since `zero`, numbers in bytes since the first one captured. Around what was sent again
    last before `marked` (ns)."""
    rows, sent, name = chosen
    data = rows[sent & (rows["payload_length"] > 0)]
    again = _sent_again(data)
    base = int(data["seq"][0])
    first = _relative(data["seq"], base)
    last = first + data["payload_length"]
    before = np.flatnonzero(again & (data["ts"] <= marked))
    middle = int(before[max(len(before) - MARKS // 4, 0)]) if len(before) else int(np.searchsorted(data["ts"], marked))
    start = max(min(middle - MARKS // 4, len(data) - MARKS), 0)
    shown = slice(start, start + MARKS)
    begin, end = int(data["ts"][shown][0]), int(data["ts"][shown][-1])
    acks = rows[~sent & (rows["tcp_flags"] & ACK != 0) & (rows["tcp_flags"] & SYN == 0)]
    scale = _scale(rows[~sent])
    acks = acks[(acks["ts"] >= begin) & (acks["ts"] <= end + SECOND // 2)][: 2 * MARKS]
    acked = _relative(acks["ack"], base)
    sacks = acks[acks["present"] & SACK1 != 0]

    def seconds(times: NDArray[np.int64]) -> list[float]:
        return [round(x, 6) for x in ((times - zero) / SECOND).tolist()]

    def marks(which: NDArray[np.bool_]) -> list[list[float]]:
        return [seconds(data["ts"][shown][which]), first[shown][which].tolist(), last[shown][which].tolist()]

    series = {
        "data": marks(~again[shown]),
        "again": marks(again[shown]),
        "ack": [seconds(acks["ts"]), acked.tolist()],
        "window": [seconds(acks["ts"]), (acked + (acks["window"].astype(np.int64) << scale)).tolist()],
        "sack": [
            seconds(sacks["ts"]),
            _relative(sacks["sack1_left"], base).tolist(),
            _relative(sacks["sack1_right"], base).tolist(),
        ],
    }
    note = f"{name}: {len(data):,} data packets, {int(again.sum()):,} of them sent again."
    if len(data) > MARKS:
        note += f" {MARKS:,} of them are shown."
    return note, series


def round_trips(chosen: Direction, zero: int) -> tuple[str, dict[str, Any]]:
    """Note and series: ``far_*`` from data to its acknowledgement (capture point to receiver and back; Karn's rule),
    ``near_*`` from an acknowledgement's timestamp to its echo (to the sender and back; RFC 7323): ``_rtt`` ms against
    ``_flight``, bytes on their way meanwhile: not yet acknowledged when the packet went by, or come in between."""
    rows, sent, _ = chosen
    base = int(rows["seq"][sent][0])
    far: list[tuple[float, int]] = []
    near: list[tuple[float, int]] = []
    waiting: dict[int, tuple[int, int]] = {}
    echo: dict[int, tuple[int, int]] = {}
    top = acked = 0
    ends = np.where(sent, _relative(rows["seq"], base) + rows["payload_length"], 0).tolist()
    numbers = np.where(sent, 0, _relative(rows["ack"], base)).tolist()
    fields = zip(
        sent.tolist(),
        rows["ts"].tolist(),
        rows["payload_length"].tolist(),
        (rows["present"] & TIMESTAMPS != 0).tolist(),
        rows["tsval"].tolist(),
        rows["tsecr"].tolist(),
        ends,
        numbers,
        strict=True,
    )
    for ours, ts, size, stamped, value, echoed, end, number in fields:
        if ours:
            if size and end > top:
                waiting[end] = ts, end - acked
                top = end
            elif size:
                waiting.pop(end, None)  # sent again: nobody knows which copy is acknowledged
            if stamped and size and echoed in echo:
                when, before = echo.pop(echoed)
                near.append(((ts - when) / 1e6, top - before))
        elif number >= acked:
            if number in waiting:
                when, flight = waiting.pop(number)
                far.append(((ts - when) / 1e6, flight))
            waiting = {end: told for end, told in waiting.items() if end > number} if number > acked else waiting
            acked = number
            if stamped and value not in echo:
                echo[value] = ts, top
                if len(echo) > MARKS:
                    echo.pop(next(iter(echo)))
    series: dict[str, Any] = {}
    for name, found in (("far", far), ("near", near)):
        step = max(len(found) // MARKS, 1)
        kept = found[::step]
        series[f"{name}_rtt"] = [round(delay, 3) for delay, _ in kept]
        series[f"{name}_flight"] = [flight for _, flight in kept]
    return f"{len(far):,} round trips towards the receiver, {len(near):,} towards the sender.", series


def _sent_again(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which packets of one direction carry nothing beyond what had been seen."""
    if not len(rows):
        return np.zeros(0, np.bool_)
    end = _relative(rows["seq"], int(rows["seq"][0])) + rows["payload_length"]
    before = np.r_[np.iinfo(np.int64).min, np.maximum.accumulate(end)[:-1]]
    again: NDArray[np.bool_] = (rows["payload_length"] > 0) & (end <= before)
    return again


def _relative(numbers: NDArray[np.uint32], base: int) -> NDArray[np.int64]:
    """Sequence numbers from `base` on, through wraps; each less than 2 GB from the one before."""
    steps: NDArray[np.int64] = np.diff(np.r_[np.int64(base), numbers.astype(np.int64)])
    wrapped = np.mod(steps + (1 << 31), 1 << 32) - (1 << 31)
    return np.cumsum(wrapped)


def _scale(rows: NDArray[np.void]) -> int:
    """The window scale that a side announced; 0 if its SYN was not captured."""
    told = rows[(rows["tcp_flags"] & SYN != 0) & (rows["present"] & WINDOW_SCALE != 0)]
    return min(int(told["wscale"][0]), 14) if len(told) else 0


def _is_source(row: np.void, subject: Subject) -> bool:
    if not subject.source_ip:
        return False
    return (int(row["src_hi"]), int(row["src_lo"])) == address_halves(subject.source_ip)
