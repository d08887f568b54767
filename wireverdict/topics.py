"""How each topic should be, and what is wrong with one that is otherwise. Values only; wireverdict.cli.topics asks Kafka."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wireverdict.bus import BusSettings, Topic

LARGEST = 2_000_000
"""Bytes of a message that every topic takes: batches of long names are the largest, with 1.5 MB."""


class Plan(msgspec.Struct, frozen=True):
    """A topic as it should be. `config`: Kafka's names, values as texts."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


class Found(msgspec.Struct, frozen=True):
    """A topic as it is."""

    partitions: int
    replication: int
    config: Mapping[str, str]


def plans(settings: BusSettings) -> dict[Topic, Plan]:
    """Every topic."""
    kept, longer = round(settings.retention * 1000), round(4 * settings.retention * 1000)
    count = settings.partitions
    return {
        # the broker's clock: what a sensor with a wrong one sends can be told from what was sent late
        Topic.HEADERS: _deleted(settings, Topic.HEADERS, count, kept, {"message.timestamp.type": "LogAppendTime"}),
        Topic.CONNECTIONS: _deleted(settings, Topic.CONNECTIONS, count, kept),
        Topic.WINDOWS: _deleted(settings, Topic.WINDOWS, count, kept),
        Topic.VERDICTS: _deleted(settings, Topic.VERDICTS, count, longer),
        Topic.CHECKPOINTS: _plan(
            settings,
            Topic.CHECKPOINTS,
            2 * count,  # those of connections, and those of verdicts
            {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "segment.bytes": "67108864"},
        ),
        Topic.DEAD_LETTERS: _deleted(settings, Topic.DEAD_LETTERS, 1, longer),
        Topic.SILENCES: _plan(settings, Topic.SILENCES, 1, {"cleanup.policy": "compact"}),
        # one partition: who holds it is the notifier, and what is told stays in order
        Topic.NOTIFIER: _plan(settings, Topic.NOTIFIER, 1, {"cleanup.policy": "compact", "segment.bytes": "67108864"}),
        Topic.PAGES: _deleted(settings, Topic.PAGES, 1, longer),
        Topic.PROBES: _deleted(settings, Topic.PROBES, 1, 3_600_000, {"message.timestamp.type": "LogAppendTime"}),
    }


def mismatches(plan: Plan, found: Found) -> list[str]:
    """Sentences about what is otherwise than planned and would do harm; longer retention and more copies would not."""
    wrong = []
    if found.partitions != plan.partitions:
        wrong.append(
            f"{plan.name} has {found.partitions} partitions and {plan.partitions} are planned (bus.partitions); "
            "headers of one connection would part ways: set bus.partitions, or delete the topic and create it anew"
        )
    if found.replication < plan.replication:
        wrong.append(f"{plan.name} has {found.replication} copies and {plan.replication} are planned (bus.replication)")
    for name, value in plan.config.items():
        given = found.config.get(name, "")
        if _smaller(given, value) if name in ("retention.ms", "max.message.bytes") else not _same(name, given, value):
            wrong.append(
                f"{plan.name}: {name} is {given or 'not set'} and {value} is planned; see kafka-configs --alter"
            )
    return wrong


def _smaller(given: str, value: str) -> bool:
    try:
        return 0 <= int(given) < int(value)  # -1: without a limit
    except ValueError:
        return True


def _same(name: str, given: str, value: str) -> bool:
    if name in ("min.cleanable.dirty.ratio", "segment.bytes", "min.insync.replicas"):
        return True  # a matter of taste, or of the cluster
    return given == value


def _deleted(
    settings: BusSettings, topic: Topic, partitions: int, retention: int, more: dict[str, str] | None = None
) -> Plan:
    return _plan(
        settings, topic, partitions, {"cleanup.policy": "delete", "retention.ms": str(retention), **(more or {})}
    )


def _plan(settings: BusSettings, topic: Topic, partitions: int, config: dict[str, str]) -> Plan:
    safe = {"min.insync.replicas": str(max(1, settings.replication - 1))}
    largest = {"max.message.bytes": str(LARGEST)}
    return Plan(settings.topic(topic), partitions, settings.replication, {**config, **largest, **safe})
