"""``wireverdict replay``: its options. What it does is in `wireverdict.cli.replaying`, imported only when it runs."""

from __future__ import annotations

from typing import Any

import click

from wireverdict.cli.names import NAME
from wireverdict.cli.plugins import detector_option


@click.command(
    "replay",
    epilog="Exit status: 0 nothing found, 1 a verdict fired, 2 the source could not be read or the output written, 130 stopped "
    "by Ctrl-C (go on with the same --state). What is missing in the source is told on standard error and in the report.",
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--from", "begin", metavar="TIME", help="First moment: 2026-11-23T07:00:00Z, or seconds since 1970.")
@click.option("--to", "end", metavar="TIME", help="The moment after the last.")
@click.option(
    "--offsets", multiple=True, metavar="P:FROM-TO", help="Of a topic: only these; repeatable, ends optional."
)
@click.option("--late", type=float, metavar="S", help="How much later than --to messages may have come (default 3600).")
@click.option("--sensor", "sensors", multiple=True, metavar="NAME", help="Only this sensor; repeatable.")
@click.option(
    "--address", "addresses", multiple=True, metavar="CIDR", help="Only packets from, to or about; repeatable."
)
@click.option(
    "--as", "called", type=NAME, default="capture", show_default=True, metavar="NAME", help="Sensor name of captures."
)
@click.option("--speed", default="max", show_default=True, metavar="N", help="Times recorded speed, or max.")
@click.option("--to-topic", metavar="PREFIX", help="Send headers on to PREFIX.headers for `wireverdict stream`.")
@click.option("--json", "json", is_flag=True, help="Print verdicts as JSON lines as they come.")
@click.option("--verdicts", metavar="FILE", help="Write verdicts as JSON lines, in order of time and sensor.")
@click.option("--connections", metavar="FILE", help="Write connection records as JSON lines.")
@click.option("--report", metavar="FILE", help="Write what was read, found and missing as a JSON document.")
@click.option("--state", metavar="FILE", help="Keep the state here; go on from it if it is there.")
@click.option(
    "--every", type=click.FloatRange(0.05), default=30.0, show_default=True, metavar="S", help="Keep it so often."
)
@click.option("--processes", type=click.IntRange(1, 64), metavar="N", help="Processes (default: one a core).")
@click.option("--partitions", type=click.IntRange(1, 256), metavar="N", help="Of captures (default: one a process).")
@click.option("--name", default="replay", show_default=True, help="Of this replay, in the mark of what it sends.")
@click.option("--servers", metavar="HOST:PORT,...", help="Kafka brokers (default localhost:9092).")
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
@detector_option
def command(**options: Any) -> int:
    """Run recorded headers through the detectors again, or send them on.

    SOURCE is a capture or a directory of them, archive:DIRECTORY, archive:s3://BUCKET/PATH, topic: or topic:PREFIX.
    """
    from wireverdict.cli.warm import warm

    warm()
    from wireverdict.cli.app import settled
    from wireverdict.cli.replaying import Options, replay

    settled()
    return replay(Options(**options))
