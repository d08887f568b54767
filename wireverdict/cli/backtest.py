"""``wireverdict backtest``: its options. What it does is in `wireverdict.cli.backtesting`, imported only when it runs."""

from __future__ import annotations

from typing import Any

import click

from wireverdict.cli.plugins import detector_option


@click.command(
    "backtest",
    epilog="Exit status: 0 done, and all configurations say the same; 1 they differ; 2 something could not be read or done; "
    "130 stopped by Ctrl-C.",
)
@click.argument("inputs", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--config", "configs", multiple=True, metavar="FILE", help="Settings to try; repeatable (without: the defaults)."
)
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="KEY=FROM:TO:N",
    help="Try N values of a setting; once or twice. Also KEY=A,B,C.",
)
@click.option("--labels", metavar="FILE", help="What was wrong in fact: CSV or JSON of who, what, from, to.")
@click.option(
    "--tolerance", type=float, default=30.0, show_default=True, metavar="SECONDS", help="Around a label's times."
)
@click.option(
    "--from", "begin", metavar="TIME", help="Only headers from then on (2026-11-23T07:00:00Z, or seconds since 1970)."
)
@click.option("--to", "end", metavar="TIME", help="Only headers before then.")
@click.option("--sensor", "sensors", multiple=True, metavar="NAME", help="Only this sensor; repeatable.")
@click.option("--address", "addresses", multiple=True, metavar="CIDR", help="Only headers of this network; repeatable.")
@click.option("--each", is_flag=True, help="Each capture by itself, instead of all as one timeline.")
@click.option("--html", metavar="FILE", help="Write the report: one file that needs nothing else.")
@click.option("--json", "json", is_flag=True, help="Print everything as one JSON document.")
@click.option("--work", metavar="DIRECTORY", help="Keep results here; a run that was stopped goes on from them.")
@click.option(
    "--every",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="With --work: keep what is half-way so often.",
)
@click.option(
    "--processes", type=click.IntRange(1, 256), metavar="N", help="At most so many (default: one for each core)."
)
@detector_option
def command(**options: Any) -> int:
    """Say what other settings would have said of the same past, and how right they would have been.

    SOURCE is captures or directories of them, or one of archive:DIRECTORY, archive:s3://..., topic: (that of the settings) and
    topic:PREFIX.
    """
    from wireverdict.cli.warm import warm

    warm()
    from wireverdict.cli.app import settled
    from wireverdict.cli.backtesting import Options, backtest

    settled()
    return backtest(Options(**options))
