"""The command line. Importing it costs nothing; each command imports what it needs when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """The `wireverdict` program."""
    from wireverdict.cli.app import run

    sys.exit(run(sys.argv[1:]))
