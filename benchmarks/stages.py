"""Where analyze's time goes: ``python -m benchmarks.stages FILE [--json]``.

CPU time of each part of the pipeline, without that of the parts it calls, in ns per packet. The parts are timed by
wrapping their methods, a few hundred calls for a million packets, so that the timing costs nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from producers.timeline import Timeline
from wireverdict import compose
from wireverdict.alerts import Alerts
from wireverdict.cli import analysis
from wireverdict.cli.interrupts import Interrupts
from wireverdict.connections.tracker import Tracker
from wireverdict.decode.decoder import Decoder
from wireverdict.output.outputs import JsonLines
from wireverdict.output.people import People
from wireverdict.output.stream import Stream
from wireverdict.paths.paths import Paths
from wireverdict.settings import DetectorSettings
from wireverdict.windows.transactions import Transactions
from wireverdict.windows.windows import Windows

PARTS: tuple[tuple[type, str, str], ...] = (
    (Decoder, "decode", "decode"),
    (Tracker, "track", "track"),
    (Tracker, "sweep", "sweep"),
    (Tracker, "drain", "drain"),
    (Tracker, "finish", "end of tracking"),
    (Windows, "observe", "windows"),
    (Windows, "close", "closing windows"),
    (Windows, "finish", "closing windows"),
    (Transactions, "take_up", "dns"),
    (Paths, "observe", "paths"),
    (Paths, "judge", "judging paths"),
    (Paths, "apply_flags", "flags of paths"),
    (Alerts, "step", "alerts"),
    (analysis.Run, "_hand_out", "output"),
)
"""Class, method, and what it is called here."""


class Stopwatch:
    """Time by label: `clock` gives ns. What a timed call takes is not counted for the timed call around it."""

    def __init__(self, clock: Callable[[], int] = time.thread_time_ns) -> None:
        self.times: dict[str, int] = {}
        self._clock = clock
        self._inner = [0]

    def timed(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed. An iterator is run to its end at once, so that the time is its own."""

        def call(*arguments: Any, **named: Any) -> Any:
            self._inner.append(0)
            begin = self._clock()
            try:
                result = function(*arguments, **named)
                return iter(list(result)) if isinstance(result, Iterator) else result
            finally:
                took = self._clock() - begin
                self.times[label] = self.times.get(label, 0) + took - self._inner.pop()
                self._inner[-1] += took

        return call


@contextlib.contextmanager
def instrumented(watch: Stopwatch) -> Iterator[None]:
    """While this is entered, all parts are timed."""
    frames = Timeline.__iter__

    def read(timeline: Timeline) -> Iterator[Any]:
        batches = frames(timeline)
        following = watch.timed("reading", lambda: next(batches, None))
        while (batch := following()) is not None:
            yield batch

    changed: list[tuple[type, str, Any]] = [(Timeline, "__iter__", read)]
    changed += [(kind, method, watch.timed(label, getattr(kind, method))) for kind, method, label in PARTS]
    for detector in compose.detectors(DetectorSettings()):
        changed.append((type(detector), "judge", watch.timed(f"detector {detector.name}", type(detector).judge)))
    with contextlib.ExitStack() as stack:
        for kind, method, timed in changed:
            stack.callback(setattr, kind, method, getattr(kind, method))
            setattr(kind, method, timed)
        yield


def stages(path: str, *, json: bool = False) -> str:
    """The table for one capture."""
    run = analysis.prepare(analysis.Options((path,)), Interrupts())
    stream = Stream.create(os.devnull)
    run.outputs = [JsonLines(stream) if json else People(stream)]
    watch = Stopwatch()
    with instrumented(watch):
        watch.timed("everything else", run.status)()
    packets = max(run.pipeline.packets, 1)
    rows = sorted(watch.times.items(), key=lambda row: -row[1])
    total = sum(watch.times.values())
    lines = [f"{label:32}{took / packets:8.1f}{took / total:7.1%}" for label, took in rows]
    return "\n".join(
        [f"{'':32}{'ns':>8}{'share':>7}", *lines, f"{'all of ' + f'{packets:,} packets':32}{total / packets:8.1f}"]
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Where analyze's time goes, by part of the pipeline.")
    parser.add_argument("file")
    parser.add_argument("--json", action="store_true", help="write connection records too (to nowhere)")
    given = parser.parse_args()
    print(stages(given.file, json=given.json))


if __name__ == "__main__":
    main()
