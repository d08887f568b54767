"""The command line. Importing it costs nothing; each command imports what it needs when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """The `wireverdict` program."""
    import gc
    import os

    # numpy's linear algebra starts a thread for every core, which waits busily for work: nothing here multiplies matrices
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()  # imports make many objects that stay; looking through them again and again is a fifth of the start
    from wireverdict.cli.app import run

    sys.exit(run(sys.argv[1:]))
