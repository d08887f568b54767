"""``wireverdict doctor``."""

from __future__ import annotations

import click


@click.command(
    "doctor",
    epilog="Exit status: 0 all is well, 1 something should be looked at, 2 something does not work.",
)
@click.option("--servers", metavar="HOST:PORT,...", help="Kafka brokers (default localhost:9092).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a check.")
@click.option("--timeout", type=float, default=10.0, show_default=True, metavar="SECONDS", help="For each answer.")
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
def command(servers: str | None, as_json: bool, timeout: float, config: str | None) -> int:
    """Check what a fleet needs: codecs, brokers, topics, permissions, clocks, Elasticsearch. One line each."""
    import msgspec

    from wireverdict import doctor
    from wireverdict.cli.roles import chosen_settings

    chosen = chosen_settings(config)
    if servers:
        chosen = msgspec.structs.replace(chosen, bus=msgspec.structs.replace(chosen.bus, servers=servers))
    worst = 0
    for check in doctor.checks(chosen, timeout):
        print(
            msgspec.json.encode(check).decode() if as_json else f"{check.status:8}{check.name:14}{check.text}",
            flush=True,
        )
        worst = max(worst, list(doctor.Status).index(check.status))
    return worst
