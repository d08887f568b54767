"""``wireverdict stream``: workers between the headers topic and the verdicts topic."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING

import click

from wireverdict.cli.names import NAME
from wireverdict.cli.plugins import detector_option

if TYPE_CHECKING:
    from wireverdict.settings import Settings
    from wireverdict.streaming import StreamSettings


@click.command(
    "stream",
    epilog="Exit status: 0 stopped by a signal, 2 it could not start, 70 something broke: start it again (--workers does).",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Run so many processes, and start those that die again.")
@click.option(
    "--instance",
    type=NAME,
    metavar="NAME",
    default=socket.gethostname,
    show_default="name of the host",
    help="Name in the group, different for each that runs at the same time and equal after a restart.",
)
@detector_option
@click.option("--index", type=click.IntRange(0), default=0, hidden=True)
@click.option(
    "--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings (config/wireverdict.toml has all)."
)
def command(workers: int | None, instance: str, index: int, config: str | None, detectors: tuple[str, ...]) -> int:
    """Read headers from Kafka, write connection records and verdicts to it.

    Without --workers one worker runs in this process, for a process manager or a container. Workers on several machines
    share the partitions of the headers topic.
    """
    # Before numpy is imported. A worker holds many small tables, one set for each sensor and partition; huge pages would make
    # each of them six times as large (docs/streams.md).
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    from wireverdict import logs
    from wireverdict.cli.app import settled
    from wireverdict.settings import SettingsError

    try:
        chosen = chosen_settings(config, detectors)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    logs.set_up("stream")
    if workers is None:
        from streams.worker import Worker

        settled()
        try:
            return Worker(chosen, f"{instance}-{index}", index=index).run()
        except (RuntimeError, OSError) as error:
            raise click.ClickException(why_not(error, chosen.stream, index)) from None
    from streams.supervisor import Supervisor
    from streams.topics import Refused, client_options, partitions

    try:
        partitions(chosen, client_options(chosen, instance))
    except Refused as error:
        raise click.ClickException(str(error)) from None
    except (RuntimeError, OSError) as error:  # brokers may yet come: workers are started again until then
        logging.getLogger("wireverdict.stream").warning(str(error))
    this = [sys.executable, "-m", "wireverdict", "stream", "--instance", instance]
    given = ["--config", config] if config else []
    given += [part for spec in detectors for part in ("--detector", spec)]
    commands = [[*this, *given, "--index", str(number)] for number in range(workers)]
    supervisor = Supervisor(commands, first_delay=chosen.stream.restart_delay, patience=chosen.stream.shutdown + 5.0)
    return supervisor.run()


def why_not(error: Exception, stream: StreamSettings, index: int) -> str:
    """Why a worker did not start. The only port that it opens is that of its metrics."""
    from wireverdict.serving import cannot_serve

    if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
        return cannot_serve(error, stream.metrics_address, stream.metrics_port + index, "stream.metrics_port")
    return str(error)


def chosen_settings(config: str | None, detectors: tuple[str, ...] = ()) -> Settings:
    """Defaults, then the file, then the environment; detectors of others are loaded. Raises SettingsError."""
    from wireverdict.cli.analysis import read_settings
    from wireverdict.cli.plugins import loaded
    from wireverdict.settings import from_environment, settings

    return loaded(settings([*([read_settings(config)] if config else []), from_environment(os.environ)], detectors))
