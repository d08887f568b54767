"""The broker that tests use is a real one and starts once."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from tests.services.places import once

pytestmark = pytest.mark.services


def test_the_broker_of_the_run() -> None:
    told = once("kafka")
    assert told == once("kafka")
    brokers = AdminClient({"bootstrap.servers": told["servers"]}).list_topics(timeout=30).brokers
    assert [f"{broker.host}:{broker.port}" for broker in brokers.values()] == [told["servers"]]
