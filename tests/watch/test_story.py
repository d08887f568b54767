"""Connections in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.headers import losing
from tests.output.connection_rows import make_rows
from tests.watch.made import watcher
from wireverdict.connections.history import LETTERS as WRITTEN
from wireverdict.headers import TCP, UDP
from wireverdict.records import CONNECTION, Flag, Reason, State
from wireverdict.watch.story import FLAG_WORDS, LETTERS, REASON_WORDS, STATES, story


def row(**fields: Any) -> Any:
    made = np.zeros(1, CONNECTION)
    made["src_lo"], made["dst_lo"] = 0xFFFF0A000001, 0xFFFFC0000250
    made["protocol"], made["handshake"], made["final"] = TCP, -1, 1
    for name, value in fields.items():
        if isinstance(value, dict):
            for inner, number in value.items():
                made[name][inner] = number
        else:
            made[name] = value
    return made


def told(made: Any) -> dict[str, str]:
    return {heading: "\n".join(lines) for heading, lines in story(made)}


def test_a_refused_connection() -> None:
    made = row(
        state=State.REJ, flags_true=1 << Flag.HANDSHAKE_FAILED, flags_known=1 << Flag.HANDSHAKE_FAILED, history_length=2
    )
    made["history"][0, :2] = list(b"Sr")
    text = told(made)
    assert "10.0.0.1:0 > 192.0.2.80:0 tcp" in text["What it is"]
    assert "REJ: refused: the answer to the request was a reset." in text["What it is"]
    assert "handshake failed: yes, it was not established." in text["Flags"]
    assert text["In order of appearance"] == "Sr: → SYN, ← RST"
    assert "What went wrong on the way" not in text


def test_what_was_lost_and_how_long_it_took() -> None:
    made = row(
        state=State.SF,
        handshake=12_000_000,
        idle=3_000_000_000,
        source={"packets": 10, "bytes": 12_000, "payload_bytes": 11_000, "retransmissions": 3, "retransmitted_bytes": 4_000,
                "spurious_retransmissions": 1, "rtt_samples": 4, "rtt_min": 10_000, "rtt_p50": 20_000, "rtt_p95": 30_000,
                "rtt_max": 40_000, "throughput_bps": 5_000_000, "peak_in_flight": 3_000},
        destination={"packets": 8, "bytes": 400, "zero_windows": 2, "duplicate_acks": 5, "missed_bytes": 100,
                     "out_of_order": 1},
    )  # fmt: skip
    text = told(made)
    assert "The handshake took 12 ms." in text["What it is"]
    assert "The longest silence was 3.0 s." in text["What it is"]
    assert (
        "of which 11.0 kB payload, at 5.0 Mbit/s between its first and last data; at most 3.0 kB"
        in text["What was sent"]
    )
    wrong = text["What went wrong on the way"]
    assert "The originator sent 3 packets again (4.0 kB), 1 of them needlessly." in wrong
    assert "The responder closed its receive window 2 times" in wrong
    assert "The capture misses 100 B that the responder sent." in wrong
    assert "1 packet of the responder came out of order." in wrong
    assert "took 20 ms in the median, from 10 ms to 40 ms, 95 % within 30 ms (4 samples)" in text["How long it took"]


def test_flags_that_are_not_known_say_why() -> None:
    made = row(protocol=UDP, final=0)
    made["reasons"][0, : len(Flag)] = Reason.NOT_TCP
    text = told(made)
    assert "because only TCP tells: bufferbloat" in text["Flags"]
    assert "It is still open" in text["Flags"]
    assert "Nothing came back." in text["What it is"]
    assert "so far." in text["What it is"]


def test_every_code_has_words() -> None:
    assert set(STATES) == set(State)
    assert set(REASON_WORDS) == set(Reason)
    assert set(FLAG_WORDS) == {flag.name.lower() for flag in Flag}
    assert {chr(letter).lower() for letter in WRITTEN} - set(LETTERS) == {"?", "^"}


def test_whatever_is_recorded_can_be_told() -> None:
    made = watcher(losing())
    made.finish()
    for record in made.ended.records[:200]:
        assert all(lines for _, lines in story(record))
    for record in make_rows(50, 1):
        assert story(record)[0][0] == "What it is"
