"""What ``wireverdict sink`` does."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence

import click

from sinks import registry
from sinks.base import Sink, Unavailable
from wireverdict.cli.app import FAILED, NOTHING, settled
from wireverdict.logs import set_up as set_up_logs
from wireverdict.settings import Settings


def made(name: str, settings: Settings) -> Sink:
    """The sink of that name. Raises click.ClickException."""
    try:
        return registry.make(name, settings)
    except ImportError as error:
        raise click.ClickException(f"{name}: {error}; install it with pip install 'wireverdict[sink]'") from None
    except (ValueError, OSError) as error:
        raise click.ClickException(f"{name}: {error}") from None


def run(names: Sequence[str], settings: Settings) -> int:
    """Deliver until SIGTERM or Ctrl-C; the exit status."""
    from sinks.runner import Runner

    for name in names:
        made(name, settings)  # for the words, before anything runs
    set_up_logs("sink")
    for noisy in ("elastic_transport", "opensearch", "httpx"):  # what they say is in our own lines
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    settled()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        failed = Runner(names, settings, stop).run()
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    for name, reason in failed.items():
        click.echo(f"wireverdict: sink {name} stopped: {reason}", err=True)
    return FAILED if failed else NOTHING


def try_all(names: Sequence[str], settings: Settings) -> bool:
    """Send samples to each and say what happened; whether all worked."""
    from sinks.runner import try_out

    worked = []
    for name in names:
        good, words = try_out(made(name, settings))
        click.echo(f"{name}: {words}")
        worked.append(good)
    return all(worked)


def set_up(names: Sequence[str], settings: Settings) -> None:
    """Put templates, and say which. Raises click.ClickException."""
    for name in names:
        sink = made(name, settings)
        setup = getattr(sink, "setup", None)
        if setup is None:
            raise click.ClickException(f"{name} has nothing to set up")
        try:
            for path in setup():
                click.echo(f"{name}: put {path}")
        except (Unavailable, ValueError) as error:
            raise click.ClickException(f"{name}: {error}") from None
        finally:
            sink.close()
