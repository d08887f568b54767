"""Two sensors' headers through the stream: verdicts say where segments were lost, whatever happens to the worker."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import msgspec
import orjson
import pytest

from tests.headers import batches
from tests.lab.scenario import CAPTURES
from tests.streams.chain import Chain
from tests.streams.publishing import Sent, publication
from wireverdict.bus import Envelope, Topic
from wireverdict.headers import HeaderBatch
from wireverdict.location.evidence import RULES
from wireverdict.location.locate import Place
from wireverdict.location.recent import unpacked
from wireverdict.settings import Settings
from wireverdict.streaming import StreamSettings
from wireverdict.windows.part import WindowPart

SENSORS = ("client", "server")
ON, OFF = (Settings(stream=StreamSettings(locate=most)) for most in (200_000, 0))
BETWEEN = "between sensor client and sensor server"


@cache
def sent(name: str, partitions: int) -> list[Sent]:
    """What both sensors send, in the order in which it comes to a broker."""
    made = []
    for view in SENSORS:
        read = [
            HeaderBatch(batch.rows.copy(), batch.names.copy())
            for batch in batches(CAPTURES / f"{name}.{view}.pcap.xz", 1_024)
        ]
        made += publication(read, view, partitions)
    return sorted(made, key=lambda message: Envelope.from_headers(message.headers).clock)


def verdicts(chain: Chain) -> list[dict[str, Any]]:
    return [orjson.loads(out.value) for out in chain.sent if out.topic is Topic.VERDICTS]


def evidence(documents: list[dict[str, Any]], rule: str, sensor: str) -> list[dict[str, Any]]:
    """Of the steps of one sensor's verdicts."""
    mine = [each for each in documents if each["rule"]["id"] == rule and each["observer"]["name"] == sensor]
    return [each["wireverdict"]["evidence"] for each in mine]


@pytest.mark.parametrize(("name", "rule"), [("heavy-loss", "retransmission-storm"), ("policed-up-several", "policing")])
@pytest.mark.parametrize("partitions", [1, 4])
def test_verdicts_say_where_segments_were_lost(name: str, rule: str, partitions: int) -> None:
    chain = Chain(partitions, ON)
    chain.take(sent(name, partitions))
    told = verdicts(chain)
    found = [each for sensor in SENSORS for each in evidence(told, rule, sensor)]
    assert len(found) >= 2
    for each in found:
        assert BETWEEN in each["loss_located"]
        location = each["loss_location"]
        assert [place["place"] for place in location["places"]] == [BETWEEN]
        assert location["unknown_segments"] <= 0.05 * location["lost_segments"]
        assert location["confidence"] > 0.9


def test_the_same_after_any_restart_and_whatever_comes_twice() -> None:
    dice, messages = random.Random(4), sent("heavy-loss", 4)
    plain, hurt = Chain(4, ON), Chain(4, ON)
    plain.take(messages)
    for message in messages:
        if dice.random() < 0.05:
            hurt.reload()
        hurt.take([message] * dice.choice([1, 1, 1, 2]))
    for sensor in SENSORS:
        assert hurt.answer(sensor)[1] == plain.answer(sensor)[1]


def test_nothing_else_changes_in_verdicts() -> None:
    """Without it verdicts are what `analyze` says of each sensor; with it they have two things more."""
    messages = sent("heavy-loss", 1)
    off, on = Chain(1, OFF), Chain(1, ON)
    off.take(messages)
    on.take(messages)
    without = verdicts(off)
    assert not any("loss_located" in each["wireverdict"]["evidence"] for each in without)
    told = verdicts(on)
    for each in told:
        if each["rule"]["id"] in RULES:
            each["wireverdict"]["evidence"].pop("loss_located", None)
            each["wireverdict"]["evidence"].pop("loss_location", None)
    assert told == without
    assert on.answer("client")[0] == off.answer("client")[0]


def test_one_sensor_alone_tells_nothing_of_places() -> None:
    chain = Chain(1, ON)
    chain.take([each for each in sent("heavy-loss", 1) if each.key == b"client"])
    assert evidence(verdicts(chain), "retransmission-storm", "client")
    assert not any("loss_located" in each["wireverdict"]["evidence"] for each in verdicts(chain))


def test_a_second_sensor_that_lags_is_waited_for_as_long_as_windows_are_open_and_then_not_heard() -> None:
    messages = sent("heavy-loss", 1)
    late = [each for each in messages if each.key == b"client"] + [each for each in messages if each.key == b"server"]
    chain = Chain(1, ON)
    chain.take(late)
    told = verdicts(chain)
    assert not any("loss_located" in each for each in evidence(told, "retransmission-storm", "client"))
    for each in evidence(told, "retransmission-storm", "server"):
        places = each.get("loss_location", {"places": []})["places"]
        assert {place["place"] for place in places} <= {BETWEEN}


def test_headers_that_were_lost_on_the_bus_are_no_segments_lost_between_sensors() -> None:
    messages = sent("heavy-loss", 1)
    numbers = [number for number, each in enumerate(messages) if each.key == b"server"]
    gone = set(numbers[20:23])
    whole, holed = Chain(1, ON), Chain(1, ON)
    whole.take(messages)
    holed.take([each for number, each in enumerate(messages) if number not in gone])
    assert holed.connections[0].lines["server"].lost == {"missing": 3}
    assert 0 < between(holed) < between(whole)


def between(chain: Chain) -> int:
    """Segments that windows of the client tell to have been lost between the two."""
    count = 0
    for out in chain.sent:
        if out.topic is Topic.WINDOWS and out.value and dict(out.headers)["wv-sensor"] == b"client":
            for value in msgspec.msgpack.decode(out.value, type=list[bytes]):
                for found in unpacked(WindowPart.from_bytes(value).located):
                    count += sum(segments for _, segments, place in found.losses if place == Place.BETWEEN)
    return count
