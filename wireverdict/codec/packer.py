"""Headers on their way into one message: what was taken up is held as columns already, and rows are not copied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.codec import ipc, lay
from wireverdict.codec import pack as p
from wireverdict.codec.layout import CHANGE, ENDS, FAR, FLOW, KIND, QUOTE
from wireverdict.codec.predict import FIELDS
from wireverdict.kernels import bound

ENTRIES = 14
"""Most entries of `changes` and `far` that a header makes, those that only skip included."""
LINE = 64
"""Bytes of a cache line: a direction of a flow and its peer share one."""
APART = 5 * LINE
"""Bytes between arrays, which are written side by side: as far from a page's beginning they are in each other's way."""
NAMES = 1 << 16
"""Bytes of question names for which there is room at first."""
ROWS, ENDED, FLOWS, KINDS, CHANGES, FARS, QUESTIONS, QUOTES = range(2, 10)
"""Groups, behind lay.ONE and lay.TWO: what tells how many items a column has. ENDED: questions and one more."""
PLAIN = frozenset({"start", "unit", "by", "hash", "type", "sport", "dport", "kinds", "quotes", "far"})
"""Columns and fields that zstd would make little smaller for the time that it takes."""
DOUBTFUL = frozenset({"flow", "kind", "skip", "field"})
"""Those of which that hangs on the traffic: the more alike its packets are, the smaller and faster."""

_SHAPES = {
    "flows": tuple((name, FLOW[name].str) for name in ENDS),
    "kinds": tuple((name, KIND[name].str) for name in KIND.names or () if name != "pad"),
    "changes": tuple((name, CHANGE[name].str) for name in CHANGE.names or ()),
    "far": tuple((name, FAR[name].str) for name in FAR.names or ()),
    "quotes": tuple((name, QUOTE[name].str) for name in QUOTE.names or ()),
    "questions": (("hash", "<u8"), ("type", "<u2"), ("name", "text")),
}


_WRONG = {
    p.OUTSIDE: "a question name lies outside the batch's names",
    p.BEHIND: "a clock must be at least as late as its header",
}


class _Threads(threading.local):
    """Memory in which a thread puts messages together."""

    def __init__(self) -> None:
        self.room = np.empty(0, np.uint8)

    def take(self, size: int) -> NDArray[np.uint8]:
        """That many bytes."""
        if len(self.room) < size:
            self.room = np.empty(size + (1 << 16), np.uint8)
        return self.room[:size]


_threads = _Threads()


class Packer:
    """Holds up to `most` headers of each of `messages` messages that are being made."""

    def __init__(self, most: int, messages: int = 1) -> None:
        self.most, self.messages = most, messages
        slots = 2 << max(most - 1, 1).bit_length()
        wanted: dict[str, tuple[Any, tuple[int, ...]]] = {
            "counts": (np.int64, (p.COUNTS,)),
            "numbers": (np.int64, (2,)),
            "bounds": (np.int32, (QUOTES + 1, 2)),
            "steps": (np.int64, (most,)),
            "leads": (np.int64, (most,)),
            "flow": (np.int32, (most,)),
            "kind": (np.int32, (most,)),
            "skips": (np.uint8, (ENTRIES * most,)),
            "fields": (np.uint8, (ENTRIES * most,)),
            "bys": (np.int16, (ENTRIES * most,)),
            "far_skips": (np.uint8, (ENTRIES * most,)),
            "far_fields": (np.uint8, (ENTRIES * most,)),
            "far_bys": (np.int32, (ENTRIES * most,)),
            "flows": (FLOW, (most,)),
            "kinds": (np.uint64, (most, 4)),
            "lengths": (np.uint32, (most,)),
            "hashes": (np.uint64, (most,)),
            "asked": (np.uint16, (most,)),
            "ends": (np.int32, (most + 1,)),
            "quotes": (QUOTE, (most,)),
            "state": (np.uint32, (2 * most, FIELDS)),
            "indexes": (np.uint32, (3, slots)),
            "prints": (np.uint64, (3, most)),
        }
        self._at: dict[str, tuple[int, int]] = {}  # where the first message's begins, and bytes from one to the next
        size = 0
        for name, (dtype, shape) in wanted.items():
            each = int(np.prod(shape)) * np.dtype(dtype).itemsize
            self._at[name] = size, each
            size += -(-messages * each // LINE) * LINE + APART
        memory: NDArray[np.uint8] = np.zeros(size + LINE, np.uint8)
        begin = -memory.ctypes.data % LINE
        self._arena = lay.views(memory[begin : begin + size])
        memory = self._arena.bytes
        made = {
            name: memory[at : at + messages * each].view(wanted[name][0]).reshape(messages, *wanted[name][1])
            for name, (at, each) in self._at.items()
        }
        self._counts, self._numbers, self._bounds = made["counts"], made.pop("numbers"), made.pop("bounds")
        self._indexes, self._steps, self._leads = made["indexes"], made["steps"], made["leads"]
        self._ends = made["ends"]
        self._held: NDArray[np.uint8] = np.empty((messages, NAMES), np.uint8)
        self._arrays = list(made.values())
        self._names_at = list(made).index("quotes")
        self._progress: NDArray[np.int64] = np.zeros(p.PROGRESS, np.int64)
        self._plans: dict[Any, lay.Plan] = {}
        self._pack = self._bound()

    def _bound(self) -> Callable[..., Any]:
        """The kernel with the memory of all messages."""
        return bound(p.pack, *self._arrays[: self._names_at], self._held, *self._arrays[self._names_at :])

    def count(self, message: int = 0) -> int:
        """Headers that it holds."""
        return int(self._counts[message, p.ROWS])

    def times(self, message: int = 0) -> tuple[int, int]:
        """The least and the greatest of their times, ns."""
        return int(self._counts[message, p.FIRST]), int(self._counts[message, p.LAST])

    def add(
        self,
        rows: NDArray[np.void],
        names: NDArray[np.uint8],
        order: NDArray[np.int64],
        ends: NDArray[np.int64],
        clocks: NDArray[np.int64],
    ) -> Iterator[tuple[int, int]]:
        """Take up some of `rows` (HEADER[n]), with their clocks (int64[n], ns): `order` has the places of those for message 0,
        then for message 1 and so on; those of m end in it at ``ends[m]``. Gives each message that is full, and the place in
        `order` behind its last row; it has to be finished before the next one is asked for.

        Raises ValueError, and holds nothing any more, for a name outside `names` and a clock behind its packet.
        """
        progress = self._progress
        progress[:] = self.most, 0, 0, p.ALL
        while True:
            self._pack(rows, names, order, ends, clocks, progress)
            _, message, at, why = progress.tolist()
            if why == p.ALL:
                return
            if why == p.FULL:
                yield message, at
                progress[:] = self.most, message, at, p.ALL
            elif why == p.CRAMPED:
                self._held = np.concatenate([self._held, np.empty_like(self._held)], axis=1)
                self._pack = self._bound()
            else:
                for each in range(self.messages):
                    self.clear(each)
                raise ValueError(_WRONG[why])

    def clear(self, message: int = 0) -> None:
        """Hold nothing of it."""
        for index, slots in zip(self._indexes[message], self._counts[message, p.SLOTS :].tolist(), strict=True):
            index[:slots] = 0
        self._counts[message] = 0

    def finish(self, message: int = 0) -> bytes:
        """The message, an Arrow IPC stream; nothing of it is held any more."""
        counts = self._counts[message].tolist()
        rows, questions = counts[p.ROWS], counts[p.QUESTIONS]
        unit, low, high, least, most = p.settle(self._steps[message, :rows], self._leads[message, :rows])
        self._numbers[message] = counts[p.START], unit
        tables = (counts[at] for at in (p.FLOWS, p.KINDS, p.CHANGES, p.FARS, p.QUESTIONS, p.QUOTES))
        sizes = np.array([1, 2, rows, questions + 1, *tables])
        self._bounds[message, :, 1] = sizes
        key = (
            message,
            ipc.narrowest(low, high),
            ipc.narrowest(least, most) if counts[p.AHEAD] else "",
            ipc.narrowest(0, max(counts[p.FLOWS] - 1, 0)),
            ipc.narrowest(0, max(counts[p.KINDS] - 1, 0)),
            questions > 0,
            counts[p.QUOTES] > 0,
        )
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= ipc.KNOWN_SCHEMAS:
                self._plans.clear()
            bounds, each = self._at["bounds"]
            plan = lay.plan(_shape(*key[1:]), self._placed(message), bounds + message * each, PLAIN, DOUBTFUL)
            self._plans[key] = plan
        names = self._held[message].data[: int(self._ends[message, questions])]
        try:
            return lay.message(plan, sizes, self._arena, names, _threads.take)
        finally:
            self.clear(message)

    def _placed(self, message: int) -> dict[tuple[str, str], lay.Source]:
        at = {name: first + message * each for name, (first, each) in self._at.items()}
        found: dict[tuple[str, str], lay.Source] = {
            ("start", ""): (at["numbers"], 8, lay.ONE),
            ("unit", ""): (at["numbers"] + 8, 8, lay.ONE),
            ("step", ""): (at["steps"], 8, ROWS),
            ("behind", ""): (at["leads"], 8, ROWS),
            ("flow", ""): (at["flow"], 4, ROWS),
            ("kind", ""): (at["kind"], 4, ROWS),
            ("questions", "hash"): (at["hashes"], 8, QUESTIONS),
            ("questions", "type"): (at["asked"], 2, QUESTIONS),
            ("questions", "name"): (at["ends"], 4, ENDED),
        }
        for table, prefix, group in (("changes", "", CHANGES), ("far", "far_", FARS)):
            for field, array, size in (
                ("skip", "skips", 1),
                ("field", "fields", 1),
                ("by", "bys", 2 * (group - CHANGES + 1)),
            ):
                found[table, field] = at[prefix + array], size, group
        for table, dtype, group in (("flows", FLOW, FLOWS), ("kinds", KIND, KINDS), ("quotes", QUOTE, QUOTES)):
            for field in dtype.names or ():
                assert dtype.fields is not None
                found[table, field] = at[table] + dtype.fields[field][1], dtype.itemsize, group
        return found


def _shape(step: str, behind: str, flow: str, kind: str, questions: bool, quotes: bool) -> list[tuple[str, Any]]:
    """Columns; of those that would be empty, some are left out. Texts last."""
    shape: list[tuple[str, Any]] = [("start", "number"), ("unit", "number"), ("step", step)]
    if behind:
        shape.append(("behind", behind))
    shape += [("flow", flow), ("kind", kind)]
    tables = [
        "flows",
        "kinds",
        "changes",
        "far",
        *(["quotes"] if quotes else []),
        *(["questions"] if questions else []),
    ]
    return shape + [(name, _SHAPES[name]) for name in tables]
