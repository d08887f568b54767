"""``wireverdict watch``: its options. What it does is in `wireverdict.cli.watching`, imported only when it runs."""

from __future__ import annotations

from typing import Any

import click

from wireverdict.cli.plugins import detector_option


@click.command(
    "watch",
    epilog="Exit status: 0 nothing found, 1 a verdict fired, 2 the input could not be read, 130 stopped by Ctrl-C.",
)
@click.argument("inputs", nargs=-1, metavar="[FILE]...")
@click.option(
    "-i", "--interface", "interfaces", multiple=True, metavar="IFACE", help="A network interface; repeatable."
)
@click.option(
    "--rate",
    default="real",
    show_default=True,
    metavar="real|max|N",
    help="Of files: as captured, at once, N times faster.",
)
@click.option("--lines", is_flag=True, help="Print lines, as where standard output is no terminal.")
@click.option("--filter", "expression", metavar="EXPR", help="Only packets that match, in tcpdump's syntax.")
@click.option("--home-net", "home_networks", multiple=True, metavar="CIDR", help="A network of ours; repeatable.")
@click.option("--anonymise", is_flag=True, help="Addresses and DNS names by the privacy key.")
@detector_option
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
def command(**options: Any) -> int:
    """Look at an interface, or at a capture as if it came in now, on a full screen: ? shows the keys.

    Where standard output is no terminal it prints a line every ten seconds of packets and one for each verdict.
    """
    from wireverdict.cli.warm import warm

    warm()
    from wireverdict.cli.watching import Options, watch

    return watch(Options(**options))
