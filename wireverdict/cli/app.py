"""The program around the commands: which ones there are, and that nothing ends in a traceback."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

import wireverdict

NOTHING, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses; docs/usage.md explains them. After a signal the status is 128 + its number: 130 for Ctrl-C."""

COMMANDS = {
    "analyze": "Read captures; print connection records and verdicts.",
    "watch": "Look at an interface, or at a capture as if it came in now, on a full screen.",
    "explain": "Say in words why a verdict fired.",
    "locate": "Say where segments were lost that several sensors have seen.",
    "backtest": "Say what other settings would have said of the past, and how right they would have been.",
    "capture": "Send the packet headers of captures, or of network interfaces, to Kafka.",
    "stream": "Read headers from Kafka; write connection records and verdicts to it.",
    "replay": "Run recorded headers through the detectors again, or send them on.",
    "archive": "Keep headers as Parquet files, by hour and sensor.",
    "sink": "Deliver verdicts and connection records from Kafka to Elasticsearch, webhooks and others.",
    "dead-letters": "Look at what could not be read or delivered, and try again.",
    "anonymise": "Say what addresses, networks and names look like after anonymising.",
    "silence": "Say what shall page nobody: add, list, expire.",
    "topics": "Create the Kafka topics, or check that they are as they should be.",
    "doctor": "Check what a fleet needs: brokers, topics, permissions, clocks, codecs, Elasticsearch.",
}
"""Name and help of each command; its module in this package has the name of the command, ``_`` for ``-``."""


class Commands(click.Group):
    """Imports a command when it is asked for, and none to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"wireverdict.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 nothing found, 1 a verdict fired, 2 an input could not be read.",
)
@click.version_option(wireverdict.__version__, prog_name="wireverdict")
def program() -> None:
    """Packet headers in, connection records and evidence-backed verdicts out."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit status. Errors are told on standard error, one sentence each."""
    try:
        status = program.main(list(arguments), prog_name="wireverdict", standalone_mode=False)
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except click.ClickException as error:
        error.show()
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, people get a sentence
        return _last_resort(error)
    return status if isinstance(status, int) else NOTHING


def settled() -> None:
    """Imports are done: what they made stays, and the collector, off since the start, looks at what comes after them."""
    gc.freeze()
    gc.enable()


def _last_resort(error: Exception) -> int:
    if os.environ.get("WIREVERDICT_DEBUG"):
        raise error
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        print(
            "wireverdict: out of memory; it is bound by the settings max_… of tracking, windows and paths",
            file=sys.stderr,
        )
        return FAILED
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EPIPE, errno.EFBIG, errno.EIO):
        from wireverdict.output.stream import in_words

        print(f"wireverdict: {in_words(error)}", file=sys.stderr)
        return FAILED
    first = (str(error).splitlines() or [""])[0]  # numba's messages are pages
    what = f"{type(error).__name__}: {first}"
    print(
        f"wireverdict: stopped by an error that should not happen: {what}. "
        "Set WIREVERDICT_DEBUG=1 and run again to see where; a report with that output helps.",
        file=sys.stderr,
    )
    return FAILED
