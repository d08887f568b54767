"""A progress bar on standard error, for people only: rate and time left."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import rich.progress

PATIENCE = 0.5
"""Seconds before a bar appears: a run that is over by then needs none."""
EVERY = 0.1
"""Seconds between looks at the numbers."""


class Progress:
    """Shown when `file` is a terminal and the run takes longer than a moment; otherwise nothing happens."""

    def __init__(self, file: TextIO | Any) -> None:
        self._file = file
        self._shown: rich.progress.Progress | None = None
        self._task: Any = None
        self._wanted = _is_terminal(file)
        self._start = time.monotonic()
        self._due = self._start + PATIENCE

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def update(self, packets: int, done: int, total: int | None, position: str = "") -> None:
        """Tell how far it is: packets so far, bytes of input read and in all (None if not known), and packet time."""
        if not self._wanted:
            return
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        numbers: dict[str, Any] = {"packets": f"{packets:,} packets", "rate": _rate(packets / (now - self._start))}
        numbers["position"] = position
        if self._shown is None:
            self._shown = _bar(self._file)
            self._task = self._shown.add_task("reading", total=total, completed=done, **numbers)
            self._shown.start()
        self._shown.update(self._task, completed=done, total=total, **numbers)


def _is_terminal(file: Any) -> bool:
    try:
        return bool(file is not None and file.isatty())
    except ValueError:  # closed
        return False


def _rate(rate: float) -> str:
    return f"{rate / 1e6:.1f} M/s" if rate >= 1e6 else f"{rate / 1e3:.0f} k/s"


def _bar(file: Any) -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("reading"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[packets]}"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[position]}"),
        TimeRemainingColumn(compact=True),
        console=Console(file=file),
        transient=True,
        refresh_per_second=8,
    )
