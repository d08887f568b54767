"""``wireverdict topics create|check``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

_SERVERS = click.option("--servers", metavar="HOST:PORT,...", help="Kafka brokers (default localhost:9092).")
_CONFIG = click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)


@click.group(
    "topics", epilog="Exit status: 0 topics are as they should be, 2 they are not, or Kafka cannot be reached."
)
def command() -> None:
    """Create the Kafka topics, or check that they are as they should be."""


def shared(function: Callable[..., int]) -> Callable[..., int]:
    """The options of both."""
    return _SERVERS(_CONFIG(function))


@command.command()
@shared
def create(servers: str | None, config: str | None) -> int:
    """Create what is missing; change nothing that is there."""
    return _status(servers, config, make=True)


@command.command()
@shared
def check(servers: str | None, config: str | None) -> int:
    """Say what is missing or otherwise than it should be."""
    return _status(servers, config, make=False)


def _status(servers: str | None, config: str | None, *, make: bool) -> int:
    import msgspec

    from wireverdict.cli.app import FAILED, NOTHING
    from wireverdict.cli.roles import chosen_settings
    from wireverdict.cluster import Cluster, Unreachable
    from wireverdict.output.units import several

    bus: Any = chosen_settings(config).bus
    if servers:
        bus = msgspec.structs.replace(bus, servers=servers)
    try:
        cluster = Cluster(bus)
        missing, wrong = cluster.wrong()
        if make:
            wrong += cluster.create(missing)
            made = {plan.name for plan in missing} - {text.split()[0] for text in wrong}
            for plan in missing:
                if plan.name in made:
                    print(
                        f"created {plan.name}: {several(plan.partitions, 'partition')}, {plan.config['cleanup.policy']}"
                    )
        else:
            wrong += [f"{plan.name} is not there; run wireverdict topics create" for plan in missing]
    except (Unreachable, OSError) as error:
        raise click.ClickException(str(error)) from None
    if not wrong and not (make and missing):
        print("all topics are there, and as they should be")
    for sentence in wrong:
        print(f"wireverdict: {sentence}", file=sys.stderr)
    return FAILED if wrong else NOTHING
