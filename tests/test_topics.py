"""How topics should be, and what is wrong with others."""

from __future__ import annotations

import msgspec
import pytest

from wireverdict.bus import BusSettings, Topic
from wireverdict.topics import Found, mismatches, plans

SETTINGS = BusSettings(prefix="p", partitions=4, replication=3, retention=100.0)


def test_every_topic_has_a_plan() -> None:
    made = plans(SETTINGS)
    assert set(made) == set(Topic)
    headers, checkpoints, verdicts = made[Topic.HEADERS], made[Topic.CHECKPOINTS], made[Topic.VERDICTS]
    assert (headers.name, headers.partitions, headers.replication) == ("p.headers", 4, 3)
    assert headers.config["retention.ms"] == "100000"
    assert headers.config["min.insync.replicas"] == "2"
    assert (checkpoints.partitions, checkpoints.config["cleanup.policy"]) == (8, "compact")
    assert "retention.ms" not in checkpoints.config
    assert verdicts.config["retention.ms"] == "400000"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"partitions": 5}, "has 5 partitions and 4 are planned"),
        ({"replication": 1}, "has 1 copies and 3 are planned"),
        ({"config": {"cleanup.policy": "compact"}}, "cleanup.policy is compact and delete is planned"),
        ({"config": {"retention.ms": "5"}}, "retention.ms is 5 and 100000 is planned"),
        ({"config": {"max.message.bytes": "1000"}}, "max.message.bytes is 1000"),
        ({"config": {"message.timestamp.type": "CreateTime"}}, "message.timestamp.type is CreateTime"),
        ({"replication": 4}, ""),
        ({"config": {"retention.ms": "-1"}}, ""),
        ({"config": {"max.message.bytes": "9000000"}}, ""),
        ({}, ""),
    ],
)
def test_what_would_do_harm_is_told(change: dict[str, object], reason: str) -> None:
    plan = plans(SETTINGS)[Topic.HEADERS]
    found = Found(4, 3, plan.config)
    config = change.pop("config", {})
    assert isinstance(config, dict)
    found = msgspec.structs.replace(found, **change, config={**plan.config, **config})
    assert [reason in sentence for sentence in mismatches(plan, found)] == ([True] if reason else [])
