"""``wireverdict analyze``: its options. What it does is in `wireverdict.cli.analysis`, imported only when it runs."""

from __future__ import annotations

from typing import Any

import click

from wireverdict.cli.plugins import detector_option


@click.command(
    "analyze",
    epilog="Exit status: 0 nothing found, 1 a verdict fired, 2 an input could not be read (the others still are), "
    "130 stopped by Ctrl-C.",
)
@click.argument("inputs", nargs=-1, metavar="FILE...")
@click.option("--json", "json", is_flag=True, help="Print JSON lines: connections, verdicts, and a summary at the end.")
@click.option("--connections", is_flag=True, help="List every connection, a line each.")
@click.option("--csv", metavar="FILE", help="Also write connection records as CSV.")
@click.option("--parquet", metavar="FILE", help="Also write connection records as Parquet (needs pyarrow).")
@click.option("--filter", "expression", metavar="EXPR", help="Only packets that match, in tcpdump's syntax.")
@click.option("--anonymise", is_flag=True, help="Addresses and DNS names by the privacy key.")
@click.option("--home-net", "home_networks", multiple=True, metavar="CIDR", help="A network of ours; repeatable.")
@click.option("--window", type=float, metavar="SECONDS", help="Length of a window (default 10).")
@click.option("--count-window", type=int, metavar="N", help="Windows of N packets instead of seconds.")
@click.option("--tunnels", type=click.Choice(["inner", "outer"]), help="Which packet counts inside tunnels.")
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
@detector_option
@click.option(
    "--sensor",
    "sensors",
    multiple=True,
    metavar="NAME=FILE",
    help="A capture of one of several sensors that saw the same connections, instead of FILE: says where losses were.",
)
@click.option("--follow", is_flag=True, help="Go on with a file that is still being written, until Ctrl-C.")
def command(**options: Any) -> int:
    """Read captures; print connection records and verdicts.

    FILE is a pcap, pcapng or snoop file, plain or compressed (gz, zst, xz, bz2), a directory of them, or - for standard
    input. Several are read as one timeline.
    """
    from wireverdict.cli.warm import warm

    if not options["inputs"] and not options["sensors"]:
        raise click.UsageError("Missing argument 'FILE...'.")
    warm(writers=options["json"] or options["csv"] is not None)
    from wireverdict.cli.analysis import Options, analyze

    if options["sensors"]:
        from wireverdict.cli.sensors import analyze_sensors

        return analyze_sensors(Options(**options))
    return analyze(Options(**options))
