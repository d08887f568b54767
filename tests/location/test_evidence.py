"""Located losses in words and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.detectors.views import halves
from tests.output.verdict_makers import make_verdict
from wireverdict.location.clocks import Clocks
from wireverdict.location.evidence import document, tally, with_location
from wireverdict.location.locate import LOSS, Direction, Located, Place
from wireverdict.verdicts import Subject

SECOND = 1_000_000_000
CLIENT, SERVER, OTHER = (*halves("192.0.2.1"), 40_000), (*halves("198.51.100.7"), 443), (*halves("198.51.100.8"), 443)
CLOCKS = Clocks(0, 5 * SECOND, 0.0, 20_000_000.0, 100)


def direction(*losses: tuple[int, Place, int], back: bool = False, server: Any = SERVER) -> Direction:
    """Losses: (second by the first sensor's clock, place, segments)."""
    rows = np.zeros(len(losses), LOSS)
    for at, (when, place, many) in enumerate(losses):
        rows[at]["ts"], rows[at]["place"], rows[at]["segments"] = when * SECOND, place, many
    ends, names = (CLIENT, server), ("client", "server")
    if back:
        ends, names = (ends[1], ends[0]), ("server", "client")
    return Direction(*ends, *names, CLOCKS, 1_000, (0, 0), rows)


LOST = direction((10, Place.BETWEEN, 100), (20, Place.BETWEEN, 32), (20, Place.UNKNOWN, 8))


def sentence(*directions: Direction) -> str:
    made = tally(directions)
    assert made is not None
    return made.sentence


def test_in_a_sentence() -> None:
    assert sentence(LOST) == "132 of 140 lost segments between sensor client and sensor server, 8 unknown"
    back = direction((9, Place.BEFORE, 3), (9, Place.AFTER, 1_004), (9, Place.BETWEEN, 1), back=True)
    assert sentence(LOST, back) == (
        "1,004 of 1,148 lost segments after sensor client, 133 between sensor client and sensor server, "
        "3 before sensor server, 8 unknown"
    )
    assert sentence(direction((1, Place.UNKNOWN, 3))) == "where 3 lost segments were lost is unknown"


def test_in_numbers() -> None:
    made = tally([LOST])
    assert made is not None
    assert made.evidence() == {
        "loss_located": "132 of 140 lost segments between sensor client and sensor server, 8 unknown",
        "loss_location": {
            "lost_segments": 140,
            "unknown_segments": 8,
            "places": [{"place": "between sensor client and sensor server", "segments": 132}],
            "confidence": pytest.approx(0.891, abs=0.001),
            "clock_offset_ms": 5000.0,
            "clock_unsure_ms": 10.0,
        },
    }
    assert tally([direction()]) is None
    assert tally([]) is None
    unknown = tally([direction((1, Place.UNKNOWN, 3))])
    assert unknown is not None
    assert unknown.evidence()["loss_location"]["confidence"] == 0.0


def test_times_are_those_of_the_sensor_that_asks() -> None:
    at_client = tally([LOST], "client", 8 * SECOND, 12 * SECOND)
    at_server = tally([LOST], "server", 13 * SECOND, 17 * SECOND)
    assert at_client == at_server
    assert at_client is not None
    assert at_client.lost == 100
    assert tally([LOST], "server", 8 * SECOND, 12 * SECOND) is None


def located(*directions: Direction) -> list[Located]:
    return [Located(list(directions), {}, 1)]


@pytest.mark.parametrize(
    ("subject", "lost"),
    [
        (Subject("192.0.2.1", "198.51.100.7", protocol="tcp"), 140),
        (Subject("198.51.100.7", "192.0.2.1"), 140),
        (Subject("192.0.2.1", "198.51.100.7", destination_port=443), 140),
        (Subject("192.0.2.1"), 145),
        (Subject(), 145),
        (Subject("192.0.2.1", "198.51.100.7", destination_port=80), 0),
        (Subject("192.0.2.1", "198.51.100.9"), 0),
        (Subject("192.0.2.1", protocol="udp"), 0),
    ],
)
def test_a_verdict_gets_the_losses_of_its_subject(subject: Subject, lost: int) -> None:
    verdict = make_verdict(rule="retransmission-storm", subject=subject, start=10 * SECOND, end=30 * SECOND)
    told = with_location(verdict, "client", located(LOST, direction((15, Place.BETWEEN, 5), server=OTHER)))
    assert told.evidence.get("loss_location", {}).get("lost_segments", 0) == lost
    assert {**verdict.evidence, **told.evidence} == told.evidence
    assert told.id == verdict.id


def test_a_verdict_without_losses_of_its_own_stays_as_it_is() -> None:
    early = make_verdict(rule="retransmission-storm", subject=Subject(), start=100 * SECOND, end=110 * SECOND)
    assert with_location(early, "client", located(LOST)) is early
    dns = make_verdict(rule="dns-loss", subject=Subject(), start=10 * SECOND, end=30 * SECOND)
    assert with_location(dns, "client", located(LOST)) is dns
    mine = make_verdict(rule="policing", subject=Subject(), start=10 * SECOND, end=30 * SECOND)
    assert with_location(mine, "elsewhere", located(LOST)) is mine
    assert with_location(mine, "client", []) is mine


def test_what_two_sensors_tell_together() -> None:
    found = Located([LOST, direction((15, Place.AFTER, 5), server=OTHER)], {"no_match": 2}, 4, 1, 50)
    told = document(("client", "server"), found)
    assert told["event"]["dataset"] == "wireverdict.loss-location"
    mine = told["wireverdict"]
    assert mine["sensors"] == ["client", "server"]
    assert mine["connections"] == {"seen_by_both": 4, "silent": {"no_match": 2}}
    assert mine["segments"] == 2_050
    assert mine["loss_location"]["lost_segments"] == 145
    assert [pair["addresses"] for pair in mine["pairs"]] == [
        ["192.0.2.1", "198.51.100.7"],
        ["192.0.2.1", "198.51.100.8"],
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Located([], {}, 5, 5, 50), "no segment was lost"),
        (Located([], {"clocks": 1, "no_match": 1}, 5, 3, 50), "no segment was lost in 3 of them"),
        (Located([], {"clocks": 3, "no_match": 2}, 5), "nothing can be said"),
        (Located([], {}), "nothing to compare"),
    ],
)
def test_that_nothing_is_known_is_not_that_nothing_was_lost(found: Located, words: str) -> None:
    assert document(("a", "b"), found)["wireverdict"]["loss_located"] == words
