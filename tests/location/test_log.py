from __future__ import annotations

import numpy as np

from tests.detectors.views import halves
from wireverdict.headers import (
    ACK,
    COPY,
    DSACK,
    FIN,
    HEADER,
    PORTS,
    QUOTED_ONLY,
    SACK1,
    SYN,
    TCP,
    TCP_HEADER,
    TIMESTAMPS,
    UDP,
)
from wireverdict.location.log import SEGMENT, Log, packet_ids

ONE, OTHER = halves("192.0.2.1"), halves("198.51.100.7")


def rows(*changes: dict[str, int]) -> np.ndarray:
    """TCP segments from ONE:40000 to OTHER:443, a second apart."""
    made = np.zeros(len(changes), HEADER)
    for place, fields in enumerate(changes):
        row = {"ts": place * 10**9, "protocol": TCP, "sport": 40_000, "dport": 443, "present": PORTS | TCP_HEADER}
        row |= {"src_hi": ONE[0], "src_lo": ONE[1], "dst_hi": OTHER[0], "dst_lo": OTHER[1], "tcp_flags": ACK} | fields
        for name, value in row.items():
            made[place][name] = value
    return made


BACK = {
    "src_hi": OTHER[0], "src_lo": OTHER[1], "dst_hi": ONE[0], "dst_lo": ONE[1], "sport": 443, "dport": 40_000
}  # fmt: skip


def test_both_directions_are_one_connection() -> None:
    log = Log()
    log.add(rows({}, BACK, {"sport": 40_001}))
    made = log.segments()
    assert made.dtype == SEGMENT
    assert len(log.connections) == 2
    first = next(number for number, ends in log.connections.items() if 40_000 in (ends.low[2], ends.high[2]))
    assert log.connections[first].low == (*ONE, 40_000)
    assert log.connections[first].high == (*OTHER, 443)
    assert log.connections[first].pair == (ONE, OTHER)
    assert made[made["connection"] == first]["from_high"].tolist() == [0, 1]


def test_a_connection_to_oneself_has_two_ends_too() -> None:
    log = Log()
    same = {"dst_hi": ONE[0], "dst_lo": ONE[1]}
    log.add(rows(same, same | {"sport": 443, "dport": 40_000}))
    assert len(log.connections) == 1
    assert log.segments()["from_high"].tolist() == [1, 0]


def test_what_is_taken_of_a_segment() -> None:
    timed = {"present": PORTS | TCP_HEADER | TIMESTAMPS | SACK1 | DSACK, "tsval": 7, "tsecr": 8}
    log = Log()
    log.add(
        rows(
            timed | {"payload_length": 9, "tcp_flags": SYN | FIN, "sack1_left": 3, "sack1_right": 4, "sack2_left": 5},
            {"payload_length": 9, "tsval": 7, "sack1_left": 3, "seq": 2**32 - 1, "ack": 11},
        )
    )
    one, other = log.segments()
    assert (one["length"], one["tsval"], one["tsecr"], one["dsack"]) == (11, 7, 8, 1)
    assert (one["sack_left"].tolist(), one["sack_right"].tolist()) == ([3, 0], [4, 0])
    assert (other["length"], other["tsval"], other["dsack"], other["seq"], other["ack"]) == (9, 0, 0, 2**32 - 1, 11)
    assert other["sack_left"].tolist() == other["sack_right"].tolist() == [0, 0]


def test_what_is_no_segment_still_tells_that_the_sensor_was_there() -> None:
    log = Log()
    strange = [
        {"protocol": UDP},
        {"present": PORTS},
        {"present": PORTS | TCP_HEADER | COPY},
        {"present": TCP_HEADER | QUOTED_ONLY},
    ]
    log.add(rows(*strange))
    assert len(log.segments()) == 0
    assert log.span == (0, 3 * 10**9)
    log.add(rows())
    assert Log().span is None


def test_beyond_its_memory_a_sensor_has_seen_nothing() -> None:
    log = Log(most=2)
    log.add(rows({}, {"protocol": UDP}, {}, {}, {}))
    log.add(rows({}))
    assert (len(log.segments()), log.left_out, log.span) == (2, 3, (0, 3 * 10**9 - 1))


def test_what_a_sensor_has_seen_can_end_before_its_last_packet() -> None:
    log = Log()
    log.until(5)
    assert log.span is None
    log.add(rows({}, {}, {}))
    for ts, end in ((10**10, 2 * 10**9), (10**9, 10**9), (-5, 0)):
        log.until(ts)
        assert log.span == (0, end)


def test_rows_come_by_connection_and_time() -> None:
    log = Log()
    log.add(rows({"sport": 2, "ts": 9}, {"sport": 1, "ts": 7}, {"sport": 2, "ts": 3}))
    log.add(rows({"sport": 1, "ts": 2}))
    for _ in range(2):
        made = log.segments()
        assert sorted(zip(made["connection"].tolist(), made["ts"].tolist(), strict=True)) == [
            (int(row["connection"]), int(row["ts"])) for row in made
        ]


def test_packets_are_told_apart_by_all_that_they_are() -> None:
    log = Log()
    timed = PORTS | TCP_HEADER | TIMESTAMPS | SACK1
    changes = [{"seq": 1}, {"ack": 1}, {"tsval": 1}, {"tsecr": 1}, {"payload_length": 1}, {"tcp_flags": 1}]
    changes += [{"sack1_left": 1}, {"sack1_right": 1}, {"ts": 99}, {}]
    log.add(rows(*({"present": timed} | change for change in changes)))
    assert len(np.unique(packet_ids(log.segments()))) == len(changes) - 1  # the time is the sensor's own
