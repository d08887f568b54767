"""Files that a command writes, held against those that it reads: a capture is often the only copy of what happened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping

from producers.files.inputs import expand
from producers.files.reader import STDIN


def keep_apart(outputs: Mapping[str, str | None], inputs: Iterable[str]) -> None:
    """Raises ValueError if an output (option to path; None: not asked for) is one of the inputs, or another output.

    Inputs are files, and directories for the captures in them. Links are followed. What is no regular file, such as a pipe or
    /dev/null, may be named as often as one likes.
    """
    known: dict[tuple[int, int], str] = {}
    places: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        if (file := _file(path)) is not None:
            known[file] = option
        elif os.path.exists(path):
            continue
        other = places.setdefault(os.path.realpath(path), option)
        if other != option:
            raise ValueError(f"{other} and {option} name the same file, {path}: give each its own")
    if not known:
        return
    for report in expand([path for path in inputs if path != STDIN]):
        option = known.get(_file(report.path) or (-1, -1), "")
        if option:
            raise ValueError(f"{option} would overwrite {report.path}, which is to be read; name another file")


def _file(path: str) -> tuple[int, int] | None:
    """What tells a regular file from all others; None for anything else, and for what is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
