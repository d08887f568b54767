"""What the commands of a fleet have in common."""

from __future__ import annotations

import os

import click

from wireverdict.settings import Settings, SettingsError, from_environment, settings


def chosen_settings(config: str | None) -> Settings:
    """Defaults, then the file, then the environment. Raises click.ClickException."""
    from wireverdict.cli.analysis import read_settings

    try:
        return settings([*([read_settings(config)] if config else []), from_environment(os.environ)])
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
