"""Topics on a real broker: made once, found as they are."""

from __future__ import annotations

import uuid

import pytest

from tests.services.places import free_port, once
from wireverdict.bus import BusSettings, Topic
from wireverdict.cluster import Cluster, Unreachable
from wireverdict.topics import plans

pytestmark = pytest.mark.services


@pytest.fixture
def settings() -> BusSettings:
    return BusSettings(servers=once("kafka")["servers"], prefix=f"t{uuid.uuid4().hex[:10]}", partitions=2)


def test_what_is_missing_is_made_and_then_right(settings: BusSettings) -> None:
    cluster = Cluster(settings)
    missing, wrong = cluster.wrong()
    assert (len(missing), wrong) == (len(Topic), [])
    assert cluster.create(missing) == []
    assert cluster.wrong() == ([], [])
    found = cluster.found()[Topic.CHECKPOINTS]
    assert found is not None
    assert (found.partitions, found.replication, found.config["cleanup.policy"]) == (4, 1, "compact")
    assert cluster.create(missing) == []  # somebody else was faster


def test_a_topic_that_is_otherwise_is_told_and_left(settings: BusSettings) -> None:
    other = BusSettings(servers=settings.servers, prefix=settings.prefix, partitions=3)
    assert Cluster(other).create([plans(other)[Topic.HEADERS]]) == []  # which waits until the broker shows it
    missing, wrong = Cluster(settings).wrong()
    assert len(missing) == len(Topic) - 1
    assert "has 3 partitions and 2 are planned" in wrong[0]


def test_brokers_that_refuse_or_do_not_answer(settings: BusSettings) -> None:
    many = BusSettings(servers=settings.servers, prefix=settings.prefix, replication=3)
    cluster = Cluster(many)
    refused = cluster.create(cluster.wrong()[0])
    assert len(refused) == len(Topic)
    assert "could not be created" in refused[0]
    with pytest.raises(Unreachable, match="no answer from"):
        Cluster(BusSettings(servers=f"127.0.0.1:{free_port()}"), timeout=1.0).metadata()
    with pytest.raises(Unreachable, match="settings for Kafka"):
        Cluster(BusSettings(security_protocol="SASL_SSL", sasl_mechanism="NONE"))
