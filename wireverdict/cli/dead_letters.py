"""``wireverdict dead-letters``: look at what could not be delivered or read, and try again."""

from __future__ import annotations

import click

CONFIG = click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)


@click.group("dead-letters")
def command() -> None:
    """Messages and documents that could not be read or delivered, with origin and reason."""


@command.command("list")
@click.option("--sink", metavar="NAME", help="Only those of this sink.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@CONFIG
def show_list(sink: str | None, as_json: bool, config: str | None) -> int:
    """One line for each letter: place, time, sink, origin, reason."""
    from wireverdict.cli.letters import as_line, as_object, waiting

    for letter in waiting(config):
        if sink in (None, letter.sink):
            click.echo(as_object(letter) if as_json else as_line(letter))
    return 0


@command.command("show")
@click.argument("place", metavar="PARTITION:OFFSET")
@CONFIG
def show(place: str, config: str | None) -> int:
    """A letter with its headers and its value."""
    from wireverdict.cli.letters import as_object, chosen

    for letter in chosen(config, (place,)):
        click.echo(as_object(letter, whole=True))
    return 0


@command.command("retry")
@click.argument("places", nargs=-1, metavar="PARTITION:OFFSET…")
@click.option("--all", "everything", is_flag=True, help="All letters that came from sinks.")
@click.option("--sink", metavar="NAME", help="Only those of this sink.")
@CONFIG
def retry(places: tuple[str, ...], everything: bool, sink: str | None, config: str | None) -> int:
    """Deliver letters again to the sinks that they came from; those that are taken are not listed any more."""
    from wireverdict.cli.app import FAILED, NOTHING
    from wireverdict.cli.letters import chosen, deliver, waiting

    if bool(places) == everything:
        raise click.UsageError("say which letters, or --all")
    letters = waiting(config) if everything else chosen(config, places)
    wanted = [letter for letter in letters if sink in (None, letter.sink) and (places or letter.sink)]
    return NOTHING if deliver(config, wanted) else FAILED
