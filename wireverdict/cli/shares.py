"""One pass over a source by several processes: each takes some partitions, and this one joins their windows and judges them.

What comes out is the same as in one process: windows of a sensor are joined when all of its shards have closed them, and a
clock that only one process has seen is told to all before they end.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from producers.recorded.fleet import Benches, Item, Shards, pack_step, unpack_step
from producers.recorded.source import ARCHIVE, TOPIC
from wireverdict import snapshot
from wireverdict.backtest.place import Places
from wireverdict.cli.passes import EVERY, VERSION, Missing, Pass, Passed, Seen, loaded_settings, note, opened
from wireverdict.windows.view import WindowView


class ShareFailed(OSError):
    """Another process ended in the middle of its share; the message is a sentence."""


def run_divided(work: Pass, processes: int, told: Callable[[int, int, int | None], None]) -> Passed:
    """Make one pass in so many processes. Raises what `wireverdict.cli.passes.run` raises, and ShareFailed."""
    context = multiprocessing.get_context("spawn")  # a fork would take threads' locks along
    pipes = [context.Pipe() for _ in range(processes)]
    helpers = [
        context.Process(target=_share, args=(work, (number, processes), pipe[1])) for number, pipe in enumerate(pipes)
    ]
    try:
        for helper, (_, theirs) in zip(helpers, pipes, strict=True):
            helper.start()
            theirs.close()
        return _joined(work, [ours for ours, _ in pipes], told)
    finally:
        for helper in helpers:
            if helper.pid is not None:
                helper.terminate()
                helper.join()
        for ours, _ in pipes:
            ours.close()


def _joined(work: Pass, pipes: Sequence[Connection], told: Callable[[int, int, int | None], None]) -> Passed:
    loaded_settings(work)
    benches, places = Benches(work.judged[0]), Places(work.judged, remember=work.remember)
    far: dict[Connection, tuple[int, int, int | None]] = dict.fromkeys(pipes, (0, 0, None))
    ends: dict[Connection, dict[str, Any]] = {}
    open_ones = list(pipes)

    def hear(items: Sequence[Item]) -> None:
        for item in items:
            if item.what is None or isinstance(item.what, WindowView):
                places.hear(item.sensor, item.what)

    while open_ones:
        for pipe in wait(open_ones):
            assert isinstance(pipe, Connection)
            try:
                kind, value = pipe.recv()
            except EOFError:
                raise ShareFailed("a process that read a share of the source has ended in the middle of it") from None
            if kind == "step":
                hear(benches.feed(unpack_step(snapshot.unpack(value))))
            elif kind == "far":
                far[pipe] = value
                told(sum(one[0] for one in far.values()), *_slowest([one[1:] for one in far.values()]))
            elif kind == "error":
                raise value
            elif kind == "read":
                ends[pipe] = value
                if len(ends) == len(pipes):
                    clocks = _latest([end["clocks"] for end in ends.values()])
                    for other in pipes:
                        other.send(clocks)
            else:
                open_ones.remove(pipe)
    hear(benches.finish())
    seen: Seen = {}
    for pipe in pipes:
        for sensor, (first, last, headers) in ends[pipe]["seen"].items():
            old = seen.get(sensor, (first, last, 0))
            seen[sensor] = min(old[0], first), max(old[1], last), old[2] + headers
    gaps = list(dict.fromkeys(Missing(*gap) for pipe in pipes for gap in ends[pipe]["gaps"]))
    counts = _counts(work, [ends[pipe]["counts"] for pipe in pipes])
    return Passed(VERSION, work.numbers, places.finish(seen), gaps, counts)


def _share(work: Pass, share: tuple[int, int], pipe: Connection) -> None:
    """In a process of its own: the shards of one share, their steps down the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the first process says what there is to say
    try:
        loaded_settings(work)
        recorded = work.spec[0].startswith((ARCHIVE, TOPIC))
        source = opened(work, share=share, partitions=1 if recorded else share[1])
        seen: Seen = {}
        shards, due, headers = Shards(work.judged[0]), time.monotonic(), 0
        for part in source:
            note(seen, part)
            headers += len(part.batch.rows)
            step = shards.feed(part)
            if step is not None:
                pipe.send(("step", snapshot.pack(pack_step(step))))
            if (now := time.monotonic()) >= due:
                due = now + EVERY
                pipe.send(("far", (headers, *source.progress)))
        gaps = [(gap.kind, gap.where, gap.many, gap.unit, gap.reason) for gap in source.gaps]
        pipe.send(("read", {"clocks": shards.clocks, "seen": seen, "gaps": gaps, "counts": dict(source.counts)}))
        for step in shards.finish(pipe.recv()):
            pipe.send(("step", snapshot.pack(pack_step(step))))
        pipe.send(("done", None))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told by the first process
        pipe.send(("error", error))


def _slowest(far: Sequence[tuple[int, int | None]]) -> tuple[int, int | None]:
    """How far a source is that several read side by side."""
    totals = [total for _, total in far if total]
    return (sum(read for read, total in far if total), sum(totals)) if len(totals) == len(far) else (0, None)


def _latest(told: Sequence[dict[str, dict[int, int]]]) -> dict[str, dict[int, int]]:
    clocks: dict[str, dict[int, int]] = {}
    for one in told:
        for sensor, epochs in one.items():
            mine = clocks.setdefault(sensor, {})
            for epoch, clock in epochs.items():
                mine[epoch] = max(mine.get(epoch, clock), clock)
    return clocks


def _counts(work: Pass, told: Sequence[dict[str, int]]) -> dict[str, int]:
    """Of recorded headers each share has its own; captures are decoded by every share, so only headers are told apart."""
    counts = dict(told[0])
    recorded = work.spec[0].startswith((ARCHIVE, TOPIC))
    for one in told[1:]:
        for name, count in one.items():
            counts[name] = counts.get(name, 0) + count if recorded or name in ("headers", "not_chosen") else count
    return counts
