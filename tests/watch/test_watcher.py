"""The watcher over the demo: what is known when, and that looking costs no verdict."""

from __future__ import annotations

import numpy as np

from producers.timeline import open_timeline
from tests.headers import DEMO, SETTINGS
from tests.watch.made import OUTAGE, watcher
from wireverdict.compose import pipeline
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.verdicts import Verdict
from wireverdict.watch.filters import Filter
from wireverdict.watch.picture import Losses
from wireverdict.watch.watcher import MOST, Watcher


def test_the_outage_as_it_goes_on() -> None:
    picture = watcher(packets=OUTAGE).picture(losses=Losses(dropped=3))
    assert (picture.losses.dropped, picture.over) == (3, False)
    assert OUTAGE - 1024 < picture.packets <= OUTAGE
    assert 100 < picture.packet_rate < 400
    assert 5e9 < picture.until - picture.since < 35e9
    assert len(picture.pairs.out) == 28
    assert len(picture.resolvers.queries) == 26
    assert picture.open > 4_000
    assert (picture.connections["final"][:MOST] == 0).all()
    assert {incident.worst.rule for incident in picture.firing} == {"dns-loss", "throttling-ratio"}
    assert picture.windows >= 4
    assert sum(picture.history) > 0.9 * picture.packets


def test_the_same_verdicts_as_the_pipeline_alone() -> None:
    alone = pipeline(SETTINGS)
    made = Watcher(pipeline(SETTINGS))
    told: list[Verdict] = []
    for batch in open_timeline([str(DEMO)], batch=512):
        alone.feed(batch)
        made.feed(batch)
        made.advance(made.rates.last)
        made.picture(Filter("udp"))
        told += made.verdicts()
    alone.finish()
    made.finish()
    told += made.verdicts()
    assert [verdict.id for verdict in told] == [verdict.id for verdict in alone.take_verdicts()]
    assert made.fired == 4
    assert made.picture().totals == alone.counters
    assert made.picture().ended == 8_266


def test_what_was_dropped_is_not_held_against_the_network() -> None:
    """The same outage, but the capture itself lost most packets: nobody can tell whether there were answers."""
    made = Watcher(pipeline(SETTINGS))
    for batch in open_timeline([str(DEMO)], batch=512):
        made.feed(batch)
        made.dropped(20 * made.rates.packets)
    made.finish()
    told = made.verdicts()
    assert {verdict.rule for verdict in told} == {"capture-loss"}
    assert told[0].evidence["reported_drops"] > 10_000
    calm = watcher()
    calm.dropped(0)
    calm.finish()
    assert calm.fired == 4


def test_after_the_end_recent_traffic_stays() -> None:
    made = watcher()
    before = made.picture()
    made.finish()
    after = made.picture()
    assert after.over
    assert after.open == 0
    assert len(before.pairs.out) == len(after.pairs.out) > 0
    assert np.array_equal(before.resolvers.queries, after.resolvers.queries)
    assert len(made.picture(Filter("host 198.19.4.4")).pairs.out) == 1


def test_time_without_packets_ends_things() -> None:
    made = watcher(packets=OUTAGE)
    before = made.picture()
    made.advance(made.rates.last + 60_000_000_000)
    after = made.picture()
    assert after.packet_rate == 0
    assert len(after.pairs.out) == 0
    assert after.open < before.open
    assert after.windows > before.windows
    assert after.now == before.now + 60_000_000_000


def test_nothing_is_something_to_look_at() -> None:
    made = Watcher(pipeline(SETTINGS))
    made.advance(10**18)
    made.feed(FrameBatch(np.zeros(0, np.uint8), np.zeros(0, FRAME)))
    picture = made.picture(Filter("tcp and flag reset"))
    assert (picture.packets, picture.open, picture.now, len(picture.connections)) == (0, 0, 0, 0)
    made.finish()
    assert made.picture().over


def test_troubles_are_bounded_and_those_that_are_over_go_first() -> None:
    made = watcher()
    made.finish()
    assert len(made.picture().incidents) == 4
    made._incidents = {str(number): next(iter(made._incidents.values())) for number in range(1_200)}
    made._take()
    assert len(made.picture().incidents) == 1_000
