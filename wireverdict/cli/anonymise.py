"""``wireverdict anonymise``."""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wireverdict.privacy.veil import Veil


@click.command("anonymise", epilog="Exit status: 0, or 2 if there is no usable key or a network is none.")
@click.argument("words", nargs=-1, metavar="WORD...")
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
def command(words: tuple[str, ...], config: str | None) -> None:
    """Say what addresses, networks and DNS names look like after anonymising, a line each.

    Without a WORD it tells the home networks as whoever reads anonymised headers has to set them.
    """
    from wireverdict.cli.roles import chosen_settings
    from wireverdict.cli.veiling import read_key

    chosen = chosen_settings(config)
    try:
        from wireverdict.privacy.settings import PrivacySettings
        from wireverdict.privacy.veil import Veil

        whole = PrivacySettings(addresses="crypto-pan", names="hashed", kept=chosen.privacy.kept)
        veil = Veil(whole, read_key(chosen.privacy, os.environ))
        if not words:
            listed = ", ".join(f'"{network}"' for network in veil.networks(chosen.capture.home_networks))
            click.echo(f"[capture]\nhome_networks = [{listed}]")
        for word in words:
            click.echo(f"{word} {_seen(veil, word)}")
    except ImportError:
        raise click.ClickException("anonymising needs pycryptodomex: pip install 'wireverdict[privacy]'") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _seen(veil: Veil, word: str) -> str:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return veil.networks([word])[0] if "/" in word else veil.name(word)
    return veil.address(word)
