"""The very first run: kernels have to be compiled. Several processes do it side by side, once; then they are on disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from wireverdict import kernels

ROOT = Path(__file__).resolve().parents[2]

PARTS: tuple[str, ...] = (
    "wireverdict.connections.tracker",
    "wireverdict.paths.paths",
    "wireverdict.boundary",
    "wireverdict.windows.windows",
    "wireverdict.decode.decoder",
    "producers.files.pcap",
)
"""Modules whose import declares what nearly every run of `analyze` needs."""
WRITERS = "wireverdict.output.json_records"
"""Declares what writes records. The page for people needs none of it."""
MOST = 4
"""Processes that compile at once: each takes some 250 MB."""


def missing() -> list[str]:
    """Modules, of those that have been imported, with kernels that were never compiled; what takes longest first."""
    modules = {made.module for made in kernels.NATIVE if not made.place.exists()}
    return sorted(modules, key=lambda module: (-_weight(module), module))


def warm(modules: Sequence[str] = PARTS, *, writers: bool = False) -> bool:
    """Compile what some modules declare and was never compiled, with a word on standard error; whether there was anything.

    Raises click.ClickException if they cannot be compiled or kept.
    """
    for name in (*modules, *([WRITERS] if writers else [])):
        import_module(name)
    wanted = missing()
    if not wanted:
        return False
    if sys.stderr is not None and sys.stderr.isatty():
        print("wireverdict: first run, compiling (some seconds, once) …", file=sys.stderr, flush=True)
    from wireverdict.kernels.build import build

    processes = min(len(os.sched_getaffinity(0)), MOST, len(wanted))
    try:
        build([wanted] * processes)
    except RuntimeError as error:
        import click

        (reason,) = str(error).splitlines()[:1] or [""]
        raise click.ClickException(
            f"kernels have to be compiled once and kept: {reason.rpartition(' failed: ')[2]}. They are kept below {_kept()}: "
            "it has to be writable and to have room for some 20 MB; WIREVERDICT_KERNEL_CACHE names another place"
        ) from None
    return True


def _kept() -> Path:
    return kernels.NATIVE[0].place.parents[2]


def _weight(module: str) -> int:
    """Bytes of the sources that a module's kernels are compiled from, about: all of its room, for its largest module."""
    source = Path(sys.modules[module].__file__ or "")
    return source.stat().st_size + sum(path.stat().st_size for path in source.parent.glob("*.py")) // 8
