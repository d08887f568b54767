"""``wireverdict archive write|retain|show``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from wireverdict.cli.names import NAME

_WHERE = click.argument("where", metavar="DIRECTORY|s3://BUCKET/PATH")
_CONFIG = click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)


@click.group(
    "archive", epilog="Exit status: 0 done, 2 the archive or the source could not be used, 130 stopped by Ctrl-C."
)
def command() -> None:
    """Keep headers as Parquet files, by hour and sensor."""


def _status(run: Callable[..., int], **options: Any) -> int:
    try:
        return run(**options)
    except (ValueError, OSError, RuntimeError) as error:
        raise click.ClickException(str(error)) from None


@command.command()
@_WHERE
@click.argument("sources", nargs=-1, metavar="[SOURCE...]")
@click.option("--follow", is_flag=True, help="Go on with what comes to the topic, until stopped.")
@click.option(
    "--every", type=click.FloatRange(0.1), default=300.0, show_default=True, metavar="S", help="Write so often."
)
@click.option("--keep", type=float, metavar="DAYS", help="Delete hours that ended longer ago, after each write.")
@click.option(
    "--as", "called", type=NAME, default="capture", show_default=True, metavar="NAME", help="Sensor name of captures."
)
@click.option(
    "--partitions", type=click.IntRange(1, 256), default=1, metavar="N", help="Into which captures are divided."
)
@click.option("--servers", metavar="HOST:PORT,...", help="Kafka brokers (default localhost:9092).")
@_CONFIG
def write(**options: Any) -> int:
    """Write the headers of SOURCE into the archive; go on where the last time ended.

    SOURCE is topic: (the default), topic:PREFIX, or captures.
    """
    from wireverdict.cli.app import settled
    from wireverdict.cli.archiving import Writing, write

    settled()
    return _status(lambda **given: write(Writing(**given)), **options)


@command.command()
@_WHERE
@click.option("--keep", type=float, required=True, metavar="DAYS", help="Delete hours that ended longer ago.")
def retain(where: str, keep: float) -> int:
    """Delete old hours."""
    from wireverdict.cli.archiving import retain

    return _status(retain, where=where, keep=keep)


@command.command()
@_WHERE
def show(where: str) -> int:
    """Say what is in the archive: sensors, hours, headers, bytes, gaps."""
    from wireverdict.cli.archiving import show

    return _status(show, where=where)
