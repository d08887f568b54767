"""The scoreboard against the network's own account, and against a slow one that looks at every byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.paths.drive import drive, play
from wireverdict.paths.events import ACKS, DELIVERED, DSACK, EVENT, HIGH, LOST, SACK1, TIMESTAMPS
from wireverdict.paths.scoreboard import HOLE, MOST_OF_A_ROUND_TRIP
from wireverdict.paths.transmissions import transmissions

MS = 1_000_000
EPOCH = 1_000 * MS


def log(*events: dict[str, int]) -> NDArray[np.void]:
    """EVENT rows from dicts, with headers of 52 bytes."""
    rows = np.zeros(len(events), EVENT)
    for row, event in zip(rows, events, strict=True):
        for name, value in ({"overhead": 52, "flags": ACKS} | event).items():
            row[name] = value
    return rows


def data(ms: float, seq: int, payload: int = 100, **more: int) -> dict[str, int]:
    return {"ts": EPOCH + round(ms * MS), "seq": seq % 2**32, "payload": payload} | more


def ack(ms: float, number: int, sack: tuple[int, int] | None = None, flags: int = 0) -> dict[str, int]:
    event = {"ts": EPOCH + round(ms * MS), "ack": number % 2**32, "flags": HIGH | ACKS | flags}
    if sack:
        event |= {"flags": event["flags"] | SACK1, "sack1_left": sack[0] % 2**32, "sack1_right": sack[1] % 2**32}
    return event


def fates(rows: NDArray[np.void]) -> list[tuple[float, int]]:
    return [((row["ts"] - EPOCH) / MS, int(row["fate"])) for row in rows]


@pytest.mark.parametrize("start", [1000, 2**32 - 150])
def test_a_lost_packet_is_the_copy_before_the_one_that_arrived(start: int) -> None:
    found = transmissions(
        log(
            data(0, start),
            data(1, start + 100),
            data(2, start + 200),
            ack(50, start + 100),
            ack(52, start + 100, (start + 200, start + 300)),
            data(53, start + 100),
            ack(103, start + 300),
        ),
        0,
        18,
    )
    assert fates(found.rows) == [(0, DELIVERED), (1, LOST), (2, DELIVERED), (53, DELIVERED)]
    assert not found.at_receiver
    assert found.repeats == 1
    assert found.base_rtt == 50 * MS
    assert list(found.rows["size"]) == [170.0] * 4


def test_an_acknowledgement_that_comes_too_soon_answers_the_earlier_copy() -> None:
    found = transmissions(
        log(data(0, 0), ack(50, 100), data(51, 100), data(90, 100), ack(101, 200), ack(140, 200, (100, 200), DSACK)),
        0,
        0,
    )
    assert fates(found.rows) == [(0, DELIVERED), (51, DELIVERED), (90, DELIVERED)]


def test_a_duplicate_selective_acknowledgement_clears_an_earlier_copy() -> None:
    events = [data(0, 0), ack(50, 100), data(51, 100), data(300, 100), ack(350, 200)]
    assert fates(transmissions(log(*events), 0, 0).rows)[1] == (51, LOST)
    cleared = transmissions(log(*events, ack(351, 200, (100, 200), DSACK)), 0, 0)
    assert fates(cleared.rows)[1] == (51, DELIVERED)


def test_super_packets_are_split_and_unknown_fates_left_out() -> None:
    found = transmissions(log(data(0, 0, 4 * 1460), ack(10, 2 * 1460)), 0, 18)
    assert len(found.rows) == 2
    assert set(found.rows["size"]) == {1460.0 + 52 + 18}
    stamped = transmissions(log(data(0, 0, 2 * 1448, flags=ACKS | TIMESTAMPS), ack(10, 2 * 1448)), 0, 18)
    assert len(stamped.rows) == 2


def test_holes_filled_by_newer_timestamps_are_losses_seen_from_behind() -> None:
    def at(ms: float, seq: int, tsval: int) -> dict[str, int]:
        return data(ms, seq, flags=ACKS | TIMESTAMPS, tsval=tsval)

    found = transmissions(log(at(0, 0, 1), at(1, 200, 1), at(50, 100, 51), at(51, 300, 51)), 0, 18)
    assert found.at_receiver
    assert found.fills == 1
    holes = found.rows[found.rows["rtt"] == HOLE]
    assert fates(holes) == [(0.001, LOST)]
    reordered = transmissions(log(at(0, 0, 1), at(1, 200, 1), at(2, 100, 1), at(3, 300, 1)), 0, 18)
    assert reordered.fills == 0
    assert not np.any(reordered.rows["fate"] == LOST)


def test_nothing_to_replay() -> None:
    found = transmissions(np.empty(0, EVENT), 0, 18)
    assert len(found.rows) == 0
    assert found.base_rtt == 0


@pytest.mark.parametrize("name", ["policer", "random loss", "short bursts of loss", "shaper"])
def test_the_network_lost_what_the_scoreboard_says(name: str) -> None:
    played = play(name)
    driven = drive(played.sender)
    found = transmissions(driven.paths.events(0), 0, 18)
    truth = dict(played.network.fates)
    assert len(found.rows) > 5_000
    wrong = [row for row in found.rows if (row["fate"] == LOST) != truth[int(row["ts"])]]
    assert len(wrong) <= len(found.rows) // 2_000
    assert np.count_nonzero(found.rows["fate"] == LOST) > 50


def reference(events: NDArray[np.void], direction: int, overhead: int) -> list[tuple[int, int, int]]:
    """(ts, size, fate) of one connection's transmissions, if packets never change their boundaries: by brute force."""
    copies: dict[tuple[int, int], list[int]] = {}
    cover: dict[tuple[int, int], int] = {}
    duplicates: dict[tuple[int, int], int] = {}
    order: list[tuple[int, tuple[int, int]]] = []
    rtts = []
    acked = -1
    for e in events:
        if (e["flags"] & HIGH) == direction and e["payload"]:
            piece = (int(e["seq"]), int(e["seq"]) + int(e["payload"]))
            copies.setdefault(piece, []).append(len(order))
            order.append((int(e["ts"]), piece))
        elif (e["flags"] & HIGH) != direction:
            known = sorted(copies)
            blocks = [(acked, int(e["ack"]))]
            acked = max(acked, int(e["ack"]))
            if e["flags"] & SACK1:
                block = int(e["sack1_left"]), int(e["sack1_right"])
                if e["flags"] & DSACK:
                    for piece in known:
                        if piece[1] > block[0] and piece[1] <= block[1]:
                            duplicates[piece] = duplicates.get(piece, 0) + 1
                else:
                    blocks.append(block)
            for left, right in blocks:
                new = [p for p in known if p not in cover and p[0] >= left and p[1] <= right]
                for piece in new:
                    cover[piece] = int(e["ts"])
                if new and all(len(copies[piece]) == 1 for piece in new):
                    rtts.append(max(int(e["ts"]) - order[copies[new[-1]][0]][0], 1))
    slack = int(MOST_OF_A_ROUND_TRIP * min(rtts)) if rtts else 0
    result: dict[int, int] = {}
    for piece, sent in copies.items():
        alive = len(sent) - 1
        later = 0
        if piece in cover:
            while alive > 0 and order[sent[alive]][0] > cover[piece] - slack:
                result[sent[alive]] = DELIVERED
                later += 1
                alive -= 1
            result[sent[alive]] = DELIVERED
        spare = duplicates.get(piece, 0) - later
        for k in range(alive - 1, -1, -1):
            result[sent[k]] = DELIVERED if spare > 0 else LOST
            spare -= 1
    sizes = {at: piece[1] - piece[0] + 52 + overhead for at, (_, piece) in enumerate(order)}
    return [(order[at][0], sizes[at], result[at]) for at in sorted(result)]


@st.composite
def logs(draw: st.DrawFn) -> NDArray[np.void]:
    """A sender of packets of 100 bytes, in order and some again, and a receiver that acknowledges what it likes."""
    events, high, now = [], 0, 0.0
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.sampled_from([0.1, 1.0, 30.0]))
        kind = draw(st.sampled_from(["new", "new", "new", "again", "ack", "sack", "dsack"]))
        if kind == "new" or high == 0:
            events.append(data(now, high))
            high += 100
            continue
        left = 100 * draw(st.integers(0, high // 100 - 1))
        right = min(high, left + 100 * draw(st.integers(1, 4)))
        if kind == "again":
            events.append(data(now, left))
        elif kind == "ack":
            events.append(ack(now, right))
        else:
            flag = DSACK if kind == "dsack" else 0
            events.append(ack(now, min(left, 100), (left, right), flag))
    return log(*events)


@given(logs())
@settings(max_examples=150, deadline=None)
def test_any_log_against_the_reference(events: NDArray[np.void]) -> None:
    found = transmissions(events, 0, 18)
    rows = [(int(row["ts"]), int(row["size"]), int(row["fate"])) for row in found.rows]
    assert rows == reference(events, 0, 18)
