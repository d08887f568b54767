"""Passes of a backtest over its source: what each does, in which process, and where its result is kept."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import wireverdict
from producers.recorded.crew import Crew, Heard, Task
from producers.recorded.fleet import Fleet, Item
from producers.recorded.source import ARCHIVE, TOPIC, Gap, open_source
from wireverdict.backtest.place import Place, Places
from wireverdict.cli.halfway import EVERY as EVERY_STATE
from wireverdict.cli.halfway import Halfway
from wireverdict.settings import Settings
from wireverdict.windows.view import WindowView

EVERY = 0.2
"""Seconds between words about how far a pass is."""
WORTH = 64 << 20
"""Bytes of captures from which a single pass is divided among processes: under it, starting them takes as long."""
PACKED = {".gz", ".xz", ".bz2", ".zst"}
"""Names of captures that are not counted for it: every process would unpack all of them."""
VERSION = 1
"""Of the results in a work directory."""

NOWHERE = Halfway(None, "")

Told = Callable[[int, int, int, int | None], None]
"""Is told: number of the pass, headers so far, and how far its source is and of how much (None: not known)."""


class Pass(msgspec.Struct, frozen=True):
    """One reading of (a part of) the source for all `judged` settings, which have the same core. Times in ns."""

    spec: tuple[str, ...]
    sensor: str
    begin: int | None
    end: int | None
    sensors: tuple[str, ...]
    addresses: tuple[str, ...]
    judged: list[Settings]
    numbers: list[int]
    remember: bool


class Missing(msgspec.Struct, frozen=True):
    """Something that a source knows to be missing; see producers.recorded.source.Gap."""

    kind: str
    where: str
    many: int
    unit: str
    reason: str


class Passed(msgspec.Struct):
    """The result of a pass. `numbers`: of the settings, as they stand in the lists of its places."""

    version: int
    numbers: list[int]
    places: list[Place]
    gaps: list[Missing]
    counts: dict[str, int]


def run(
    work: Pass,
    told: Callable[[int, int, int | None], None] = lambda *_: None,
    kept: Halfway = NOWHERE,
    state: Mapping[str, Any] | None = None,
) -> Passed:
    """Make one pass in this process. `state`: what was kept of it half-way. Raises SourceError, ValueError for settings that a
    part refuses, OSError."""
    loaded_settings(work)
    position = state["position"] if state else None
    source = open_source(list(work.spec), work.judged[0], position=position, **_options(work))
    fleet, places = Fleet(work.judged[0]), Places(work.judged, remember=work.remember)
    due, headers = time.monotonic(), 0
    if state:
        fleet.load(state["fleet"])
        places.load(state["places"])
        headers = state["headers"]
    try:
        for recorded in source:
            headers += len(recorded.batch.rows)
            for item in fleet.feed(recorded):
                _hear(places, item)
            if (now := time.monotonic()) >= due:
                due = now + EVERY
                told(headers, *source.progress)
            if kept.due():
                whole = {"position": source.position(), "fleet": fleet.dump(), "places": places.dump()}
                kept.keep({"processes": 1, "headers": headers, **whole})
        for item in fleet.finish():
            _hear(places, item)
        told(headers, *source.progress)
        return Passed(
            VERSION, work.numbers, places.finish(fleet.shards.seen), _missing(source.gaps), dict(source.counts)
        )
    finally:
        source.close()


def run_divided(
    work: Pass,
    processes: int,
    told: Callable[[int, int, int | None], None],
    kept: Halfway = NOWHERE,
    state: Mapping[str, Any] | None = None,
) -> Passed:
    """Make one pass in so many processes: each has the shards of some partitions, and this one joins their windows and judges
    them. What comes out is the same. `state`: what was kept of it half-way, by as many. Raises what `run` raises, and OSError
    if one of them ends in the middle."""
    loaded_settings(work)
    options: dict[str, Any] = _options(work)
    recorded = any(text.startswith((ARCHIVE, TOPIC)) for text in work.spec)
    if not recorded:
        options["partitions"] = processes
    crew = Crew(Task(list(work.spec), work.judged[0], options), processes)
    places = Places(work.judged, remember=work.remember)
    if state:
        crew.load(state["crew"])
        places.load(state["places"])
    try:
        for heard in crew:
            if heard.progress:
                told(crew.totals.headers, crew.totals.done, crew.totals.total)
            else:
                _hear(places, heard)
            if kept.due():
                crew.ask()
            if crew.ready:
                kept.keep({"processes": processes, "crew": crew.checkpoint(), "places": places.dump()})
    except RuntimeError as error:
        raise OSError(f"{error}; nothing of this pass is kept") from None
    totals = crew.totals
    return Passed(VERSION, work.numbers, places.finish(totals.seen), _missing(totals.gaps), dict(totals.counts))


def _hear(places: Places, item: Item | Heard) -> None:
    if item.what is None or isinstance(item.what, WindowView):
        places.hear(item.sensor, item.what)


def _missing(gaps: Sequence[Gap]) -> list[Missing]:
    return [Missing(gap.kind, gap.where, gap.many, gap.unit, gap.reason) for gap in gaps]


def run_all(
    passes: Sequence[Pass], processes: int, folder: Path | None, told: Told, every: float = EVERY_STATE
) -> list[Passed]:
    """All passes, in the order given; several processes if there is more than one pass.

    `folder`: where results are kept and taken from, and every so many seconds what passes have half-way. Raises what `run`
    raises, and OSError for the folder.
    """
    results: dict[int, Passed] = {}
    for number, work in enumerate(passes):
        kept = _kept(folder, work)
        if kept is not None:
            results[number] = kept
            told(number, sum(place.headers for place in kept.places), 1, 1)
    waiting = [number for number in range(len(passes)) if number not in results]
    if len(waiting) == 1 or processes <= 1:
        for number in waiting:
            words = partial(told, number)
            results[number] = _made(passes[number], processes if len(waiting) == 1 else 1, folder, every, words)
    elif waiting:
        _in_processes(passes, waiting, processes, folder, every, told, results)
    return [results[number] for number in range(len(passes))]


def _made(
    work: Pass, processes: int, folder: Path | None, every: float, told: Callable[[int, int, int | None], None]
) -> Passed:
    """One pass, from where it was when it was stopped, and by as many processes as then; its result is kept."""
    kept = Halfway(folder, identity(work) if folder else "", every)
    state = kept.load()
    members = state["processes"] if state else processes if processes > 1 and worth_dividing(work) else 1
    result = run_divided(work, members, told, kept, state) if members > 1 else run(work, told, kept, state)
    _keep(folder, work, result)
    kept.drop()
    return result


def _in_processes(
    passes: Sequence[Pass],
    waiting: Sequence[int],
    processes: int,
    folder: Path | None,
    every: float,
    told: Told,
    results: dict[int, Passed],
) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would take threads' locks along
    words = context.Queue()
    with ProcessPoolExecutor(min(processes, len(waiting)), context, _begin, (words,)) as pool:
        futures = {pool.submit(_elsewhere, passes[number], number, folder, every): number for number in waiting}
        open_ones = set(futures)
        try:
            while open_ones:
                done, open_ones = wait(open_ones, EVERY, FIRST_COMPLETED)
                for future in done:
                    results[futures[future]] = msgspec.msgpack.decode(future.result(), type=Passed)
                while not words.empty():
                    told(*words.get())
        except BrokenProcessPool:
            raise OSError("a process that made a pass was ended before it was done (out of memory?)") from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def worth_dividing(work: Pass) -> bool:
    """Whether there is more to read than it costs to start processes. Windows by count are not divided."""
    if work.judged[0].windows.packets:
        return False
    if any(text.startswith((ARCHIVE, TOPIC)) for text in work.spec):
        return True
    return sum(path.stat().st_size for path in _files(work) if path.suffix not in PACKED) >= WORTH


def _files(work: Pass) -> list[Path]:
    """What a pass reads, as far as it is files."""
    found: list[Path] = []
    for text in work.spec:
        place = text.removeprefix(ARCHIVE)
        found += sorted(Path(place).rglob("*")) if os.path.isdir(place) else [Path(place)]
    return [path for path in found if path.is_file()]


def _detectors(work: Pass) -> list[Path]:
    """Files of detectors that are not ours."""
    specs = {spec for one in work.judged for spec in one.detectors.plugins}
    files = {spec if spec.endswith(".py") else spec.rpartition(":")[0] for spec in specs}
    return [Path(file) for file in sorted(files) if file and Path(file).is_file()]


def identity(work: Pass) -> str:
    """A name for a pass and what it reads: of captures, and of detectors in files, also their size and time of change."""
    parts: list[Any] = [VERSION, wireverdict.__version__, msgspec.to_builtins(work)]
    for path in [*_files(work), *_detectors(work)]:
        status = path.stat()
        parts.append([str(path), status.st_size, status.st_mtime_ns])
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:32]


def _options(work: Pass) -> dict[str, Any]:
    """Of producers.recorded.source.open_source."""
    return {
        "begin": work.begin,
        "end": work.end,
        "sensors": work.sensors,
        "addresses": work.addresses,
        "sensor": work.sensor,
    }


def loaded_settings(work: Pass) -> None:
    """Make the plug-ins of a pass known in this process. Raises SettingsError."""
    from wireverdict.cli.plugins import loaded

    for settings in work.judged:
        loaded(settings)


_words: Any = None


def _begin(words: Any) -> None:
    """In a process of its own, before anything else: Ctrl-C ends it without a word, since the first process says what there
    is to say."""
    global _words  # a queue cannot be handed over with a task
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _words = words


def _elsewhere(work: Pass, number: int, folder: Path | None, every: float) -> bytes:
    """In a process of its own."""
    return msgspec.msgpack.encode(_made(work, 1, folder, every, lambda *far: _words.put((number, *far))))


def _kept(folder: Path | None, work: Pass) -> Passed | None:
    if folder is None:
        return None
    try:
        found = msgspec.json.decode((folder / f"{identity(work)}.json").read_bytes(), type=Passed)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.version == VERSION else None


def _keep(folder: Path | None, work: Pass, result: Passed) -> None:
    """Whole or not at all: a process that is killed in between leaves no half result."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{identity(work)}.json"
    half = place.with_suffix(f".{os.getpid()}.part")
    half.write_bytes(msgspec.json.encode(result))
    half.replace(place)
