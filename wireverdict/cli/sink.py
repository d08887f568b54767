"""``wireverdict sink``: deliver verdicts and records from Kafka."""

from __future__ import annotations

import click


@click.command(
    "sink",
    epilog="Exit status: 0 stopped by a signal, or the test worked; 2 a sink could not start, failed, or refused the test.",
)
@click.argument("names", nargs=-1, required=True, metavar="NAME… | test NAME… | setup NAME… | list")
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
def command(names: tuple[str, ...], config: str | None) -> int:
    """Deliver verdicts and connection records from Kafka to NAME, such as elasticsearch or webhook.

    Several names run in one process; none waits for another. `test` sends a sample and says what happened, `setup` puts
    index templates, `list` shows the names.
    """
    from sinks import registry
    from wireverdict.cli.app import FAILED, NOTHING
    from wireverdict.cli.deliver import run, set_up, try_all
    from wireverdict.cli.roles import chosen_settings

    action, rest = names[0], names[1:]
    settings = chosen_settings(config)
    if action == "list":
        click.echo("\n".join(registry.names(settings)))
        return NOTHING
    if action in ("test", "setup") and not rest:
        raise click.UsageError(f"{action} needs the name of a sink")
    if action == "test":
        return NOTHING if try_all(rest, settings) else FAILED
    if action == "setup":
        set_up(rest, settings)
        return NOTHING
    return run(names, settings)
