"""The command line. Importing it costs nothing; each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The `wireverdict` program."""
    import gc
    import os

    # numpy's linear algebra starts a thread for every core, which waits busily for work: nothing here multiplies matrices
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()  # imports make many objects that stay; looking through them again and again is a fifth of the start
    from wireverdict.cli.app import run

    leave(run(sys.argv[1:]))


def leave(status: int) -> NoReturn:
    """End the process: at once where nobody is left who could have something to do, with what exit handlers do.

    To take apart a hundred modules, each object by itself, is a tenth of the time that a small capture takes.
    """
    import atexit
    import os
    import threading

    if threading.active_count() > 1 or sys.stdout is None or sys.stderr is None:
        sys.exit(status)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # the interpreter knows what to do then
        sys.exit(status)
    os._exit(status)
