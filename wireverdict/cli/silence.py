"""``wireverdict silence add|list|expire``."""

from __future__ import annotations

import click

CONFIG = click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)


@click.group("silence", epilog="Exit status: 0 done, 2 it cannot be, or Kafka cannot be reached.")
def command() -> None:
    """What shall page nobody, for every sink that pages, wherever it runs.

    A silenced verdict is still written to Elasticsearch and all others that nobody is woken by.
    """


@command.command("add")
@click.option("--rule", "rules", multiple=True, metavar="PATTERN", help="Detectors, such as 'dns-*'.")
@click.option("--sensor", "sensors", multiple=True, metavar="PATTERN", help="Sensors, such as 'fra-*'.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Of an address of the verdict's.")
@click.option("--label", "labels", multiple=True, metavar="NAME=PATTERN", help="Labels that all must match.")
@click.option("--subject", default="", metavar="TEXT", help="A part of the verdict's subject.")
@click.option("--everything", is_flag=True, help="All verdicts, if nothing else says which.")
@click.option("--for", "length", metavar="TIME", help="How long, such as 30m, 2h or 1d; with --every: each time.")
@click.option(
    "--from", "start", metavar="TIME", help="From when, ISO 8601 (default now; UTC unless it says otherwise)."
)
@click.option("--until", "end", metavar="TIME", help="Until when, ISO 8601.")
@click.option("--every", default="", metavar="CRON", help="Again and again: '0 22 * * SUN'; needs --for.")
@click.option("--zone", default="UTC", show_default=True, metavar="NAME", help="Time zone of --every.")
@click.option("--comment", default="", metavar="TEXT", help="Why.")
@click.option("--author", default="", metavar="TEXT", help="Who (default: the user's name).")
@CONFIG
def add(config: str | None, everything: bool, **given: object) -> int:
    """Silence what matches all that is said; prints the silence's name."""
    from wireverdict.cli.silencing import added

    if not everything and not any(given[name] for name in ("rules", "sensors", "networks", "labels", "subject")):
        raise click.UsageError("say what (--rule, --sensor, --network, --label, --subject), or --everything")
    click.echo(added(config, given))
    return 0


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
@CONFIG
def show_list(everything: bool, as_json: bool, config: str | None) -> int:
    """One line for each silence: name, whether it holds now, when, what, why."""
    from wireverdict.cli.silencing import listed

    for line in listed(config, everything, as_json):
        click.echo(line)
    return 0


@command.command("expire")
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@CONFIG
def expire(names: tuple[str, ...], config: str | None) -> int:
    """End silences now."""
    from wireverdict.cli.silencing import expired

    expired(config, names)
    return 0
