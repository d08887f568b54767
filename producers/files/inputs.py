"""From what people name on the command line to capture files: directories stand for the captures in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from producers.files import formats
from producers.files.compression import DamagedError, Decompressor
from producers.files.reader import STDIN, explain
from producers.files.report import FileReport

_CALLED = re.compile(r"\.(pcap|pcapng|ntar|cap|dmp|snoop)", re.IGNORECASE)


def expand(inputs: Iterable[str | Path]) -> list[FileReport]:
    """One report a file, in the order given; a directory (not what is below it) gives its captures in natural name
    order.

    What cannot be used has its `error` set: a directory without captures, or one that may not be listed.
    """
    reports: list[FileReport] = []
    for name in map(str, inputs):
        if name == STDIN or not os.path.isdir(name):
            reports.append(FileReport(name))
            continue
        found = FileReport(name)
        try:
            files = sorted((entry.path for entry in os.scandir(name) if entry.is_file()), key=natural)
        except OSError as error:
            found.fail(explain(error))
            reports.append(found)
            continue
        captures = [FileReport(path) for path in files if is_capture(path)]
        if not captures:
            found.fail(f"a directory without a capture among its {len(files)} files; give one that holds captures")
        reports.extend(captures or [found])
    return reports


def natural(path: str) -> list[tuple[int, str]]:
    """Sort key that puts ``cap10`` after ``cap9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", os.path.basename(path))]


def is_capture(path: str) -> bool:
    """Whether a file begins like a capture, compressed or not.

    True too for what may not be read, and for what is damaged and is called a capture by its name, so that this is told.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(formats.HEAD) or b""
            name = formats.compression(head)
            if name is not None:
                file.seek(0)
                view = memoryview(bytearray(formats.HEAD))
                count = Decompressor(name, lambda size: file.read(size) or b"").readinto(view)
                head = view[:count].tobytes()
    except DamagedError:
        return _CALLED.search(os.path.basename(path)) is not None
    except OSError:
        return True
    return formats.capture_format(head) is not None
