from __future__ import annotations

import msgspec
import pytest

from streams.topics import LOG, SOON, Refused, client_options, partitions
from tests.streams.broker import Bus
from wireverdict.bus import BusSettings, Topic
from wireverdict.settings import Settings
from wireverdict.windows.settings import WindowSettings

pytestmark = pytest.mark.services
BY_COUNT = WindowSettings(packets=5_000)


def asked(settings: Settings) -> dict[Topic, int]:
    return partitions(settings, client_options(settings, "test"), 30.0)


def test_the_partitions_of_all_topics_are_found() -> None:
    bus = Bus(partitions=3)
    found = asked(Settings(bus=bus.settings))
    assert (found[Topic.HEADERS], found[Topic.WINDOWS], found[Topic.CHECKPOINTS]) == (3, 3, 6)


def test_windows_by_count_are_refused_where_headers_are_divided() -> None:
    bus = Bus(partitions=2)
    with pytest.raises(Refused, match=r"windows\.packets is 5000: .* over the 2 partitions of .*headers"):
        asked(Settings(bus=bus.settings, windows=BY_COUNT))
    assert asked(Settings(bus=Bus(partitions=1).settings, windows=BY_COUNT))[Topic.HEADERS] == 1


def test_topics_that_are_missing_and_brokers_that_do_not_answer_are_sentences() -> None:
    bus = msgspec.structs.replace(Bus(partitions=1).settings, prefix="nobody-made-these")
    with pytest.raises(RuntimeError, match="there is no topic nobody-made-these"):
        asked(Settings(bus=bus))
    away = Settings(bus=BusSettings(servers="127.0.0.1:1"))
    with pytest.raises(RuntimeError, match=r"Kafka does not answer at 127\.0\.0\.1:1"):
        partitions(away, client_options(away, "test"), 0.5)


def test_who_waits_is_told_for_whom(caplog: pytest.LogCaptureFixture) -> None:
    away = Settings(bus=BusSettings(servers="127.0.0.1:1"))
    with pytest.raises(RuntimeError, match="does not answer"):
        partitions(away, client_options(away, "test"), SOON + 0.5)
    assert [line.getMessage() for line in caplog.records if line.name == LOG.name] == [
        "waiting for Kafka at 127.0.0.1:1, up to 2.5 s"
    ]
