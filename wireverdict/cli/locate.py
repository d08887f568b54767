"""``wireverdict locate``: its options. What it does is in `wireverdict.cli.locating`, imported only when it runs."""

from __future__ import annotations

from typing import Any

import click


@click.command(
    "locate",
    epilog="Exit status: 0 done; 2 something could not be read. For captures there is wireverdict analyze --sensor NAME=FILE.",
)
@click.argument("source")
@click.option("--from", "begin", metavar="TIME", help="Only headers from then on (2026-11-23T07:00:00Z).")
@click.option("--to", "end", metavar="TIME", help="Only headers before then.")
@click.option("--sensor", "sensors", multiple=True, metavar="NAME", help="Only this sensor; repeatable.")
@click.option("--address", "addresses", multiple=True, metavar="CIDR", help="Only headers of this network; repeatable.")
@click.option("--json", "json", is_flag=True, help="Print JSON lines, one document for each two sensors.")
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
def command(**options: Any) -> int:
    """Say where segments were lost that several sensors of a fleet have seen.

    SOURCE is archive:DIRECTORY, archive:s3://..., topic: (that of the settings) or topic:PREFIX.
    """
    from wireverdict.cli.locating import Options, run

    return run(Options(**options))
