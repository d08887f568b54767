"""``wireverdict capture``: its options. What it does is in `wireverdict.cli.capturing`, imported only when it runs."""

from __future__ import annotations

import socket
from typing import Any

import click

from wireverdict.cli.names import NAME


@click.command(
    "capture",
    epilog="Exit status: 0 all was sent, 2 an input could not be read (the others still are) or Kafka refused or could "
    "not be reached, 130 stopped by Ctrl-C (what was read was sent).",
)
@click.argument("inputs", nargs=-1, metavar="[FILE...]")
@click.option(
    "-i", "--interface", "interfaces", multiple=True, metavar="IFACE", help="Capture live; repeatable; any: all."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Rings for each interface, filled side by side.")
@click.option("--promiscuous", is_flag=True, help="Packets for other hosts as well.")
@click.option("--user", metavar="NAME", help="Whom to become once the interfaces are open (default nobody).")
@click.option(
    "--sensor",
    type=NAME,
    default=socket.gethostname,
    show_default="name of the host",
    metavar="NAME",
    help="Who saw these packets.",
)
@click.option("--rate", type=click.Choice(["max", "real"]), default="max", help="As fast as possible, or as captured.")
@click.option("--servers", metavar="HOST:PORT,...", help="Kafka brokers (default localhost:9092).")
@click.option("--filter", "expression", metavar="EXPR", help="Only packets that match, in tcpdump's syntax.")
@click.option("--anonymise", is_flag=True, help="Addresses and DNS names by the privacy key.")
@click.option("--home-net", "home_networks", multiple=True, metavar="CIDR", help="A network of ours; repeatable.")
@click.option("--spool", metavar="DIR", help="Where batches wait while Kafka is away.")
@click.option("--spool-limit", type=click.IntRange(8), default=1024, show_default=True, metavar="MB", help="Its size.")
@click.option(
    "--run", type=NAME, metavar="NAME", help="Name of this pass; sending it again repeats it and changes nothing."
)
@click.option("--metrics", "metrics_port", type=click.IntRange(1, 65_535), metavar="PORT", help="Serve Prometheus.")
@click.option("--log", type=click.Choice(["text", "json"]), default="text", help="Form of messages on standard error.")
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
def command(**options: Any) -> int:
    """Send the packet headers of captures, or of network interfaces, to Kafka.

    FILE is a pcap, pcapng or snoop file, plain or compressed, a directory of them, or - for standard input. Several are read
    as one timeline.
    """
    from wireverdict.cli.warm import warm

    warm(("wireverdict.codec.headers", "producers.files.pcap", "wireverdict.decode.decoder"))
    from wireverdict.cli.capturing import Options, capture

    return capture(Options(**options))
