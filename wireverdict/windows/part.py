"""What one shard has of one closed window, and how the parts of several shards become one."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict import snapshot
from wireverdict.paths.view import PathView
from wireverdict.windows import state
from wireverdict.windows.answers import Answers, Questions
from wireverdict.windows.dns_state import NAME
from wireverdict.windows.fields import DNS_COUNTS, DNS_KEY, LATENCY_BUCKETS, NEVER, SERVICE_KEY
from wireverdict.windows.home import HomeNetworks
from wireverdict.windows.services import Services
from wireverdict.windows.view import Capture, WindowView


class ServiceRows(NamedTuple):
    """What `Services` is made of: row 0 is `other`, the rest in the order in which they came."""

    keys: NDArray[np.void]  # SERVICE_KEY[n]
    sent: NDArray[np.void]  # state.SENT[2·n]
    flows: NDArray[np.void]  # state.FLOWS[2·n]
    trouble_of: NDArray[np.int32]  # [n]: 0, or 1 + row of `troubles`
    troubles: NDArray[np.void]  # state.TROUBLE[2·m]
    pending: NDArray[np.int64] | None = None  # (n, 2), undecided SYNs


class AnswerRows(NamedTuple):
    """What `Answers` is made of, likewise."""

    keys: NDArray[np.void]  # DNS_KEY[n]
    counts: NDArray[np.uint32]  # (n, DNS_COUNTS)
    latency: NDArray[np.uint32]  # (m, 2): row · LATENCY_BUCKETS + bucket, answers; by row
    since: NDArray[np.int64]  # [n]
    questions: Questions


@dataclass(slots=True)
class WindowPart:
    """One closed window of one shard. Times in ns.

    `packets` may be 0: then there is only what others' packets make a window of (receive windows that stay closed, errors
    about a connection), `late`, or `full`. `late`: packets that came when windows up to `number` - 1 had closed, for one of
    them. `full`: what found no room in the tables of paths so far, None for as before. `located`: losses that several sensors
    located, packed (wireverdict.location.recent).
    """

    number: int
    start: int
    end: int
    packets: int
    services: ServiceRows
    answers: AnswerRows
    capture: Capture = field(default_factory=Capture)
    late: int = 0
    paths: PathView | None = None
    full: dict[str, int] | None = None
    located: tuple[bytes, ...] = ()

    def view(self, home: HomeNetworks) -> WindowView:
        """What detectors see, if this is all there is of the window."""
        tables = Services(*self.services).table(), Answers(*self.answers).table()
        width = self.end - self.start
        return WindowView(
            self.number,
            self.start,
            self.end,
            width,
            self.packets,
            *tables,
            self.capture,
            home,
            self.paths,
            self.located,
        )

    def to_bytes(self) -> bytes:
        """For the bus and for snapshots. Equal parts give equal bytes."""
        questions = self.answers.questions._asdict()
        questions["kept"] = questions["kept"].astype(np.uint8)
        plain = {name: getattr(self, name) for name in ("number", "start", "end", "packets", "late", "full")}
        return snapshot.pack(
            plain
            | {
                "services": self.services._asdict(),
                "answers": self.answers._asdict() | {"questions": questions},
                "capture": {each.name: getattr(self.capture, each.name) for each in fields(Capture)},
                "paths": None if self.paths is None else encode_paths(self.paths),
            }
            | ({"located": list(self.located)} if self.located else {})
        )

    @staticmethod
    def from_bytes(data: bytes) -> WindowPart:
        """What `to_bytes` gave. Raises ValueError for anything else."""
        told = snapshot.unpack(data)
        try:
            plain = msgspec.convert(
                {name: told[name] for name in ("number", "start", "end", "packets", "late")}, _Plain
            )
            full = msgspec.convert(told["full"], dict[str, int] | None)
            capture = msgspec.convert(told["capture"], Capture)
            paths = None if told["paths"] is None else msgspec.msgpack.decode(told["paths"], type=PathView)
            services, answers = _services(told["services"]), _answers(told["answers"])
            located = msgspec.convert(told.get("located", []), tuple[bytes, ...])
        except (KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
            raise ValueError(f"no window part: {error!r}") from None
        return WindowPart(
            plain.number,
            plain.start,
            plain.end,
            plain.packets,
            services,
            answers,
            capture,
            plain.late,
            paths,
            full,
            located,
        )


class _Plain(msgspec.Struct):
    number: int
    start: int
    end: int
    packets: int
    late: int


def empty(number: int, start: int, end: int, late: int = 0) -> WindowPart:
    """A part without packets."""
    services = ServiceRows(
        np.zeros(1, SERVICE_KEY),
        np.zeros(2, state.SENT),
        np.zeros(2, state.FLOWS),
        np.zeros(1, np.int32),
        np.zeros(0, state.TROUBLE),
    )
    nothing = np.zeros(0, np.int64)
    answers = AnswerRows(
        np.zeros(1, DNS_KEY),
        np.zeros((1, DNS_COUNTS), np.uint32),
        np.zeros((0, 2), np.uint32),
        np.full(1, NEVER),
        Questions(nothing, np.zeros(0, NAME), np.zeros(0, bool), nothing),
    )
    return WindowPart(number, start, end, 0, services, answers, late=late)


def join(parts: list[WindowPart]) -> WindowPart:
    """The parts of one window of all shards as one. A pair of addresses has rows in one of them only, but for `other`."""
    first = parts[0]
    if len(parts) == 1:
        return first
    capture = Capture()
    for each in fields(Capture):
        together = sum(int(getattr(part.capture, each.name)) for part in parts)
        setattr(capture, each.name, bool(together) if each.name == "final" else together)
    capture.sampled = min(part.capture.sampled for part in parts)
    views = [part.paths for part in parts if part.paths is not None]
    return replace(
        first,
        packets=sum(part.packets for part in parts),
        services=_join_services([part.services for part in parts]),
        answers=_join_answers([part.answers for part in parts]),
        capture=capture,
        late=sum(part.late for part in parts),
        paths=_join_paths(views) if views else None,
        located=tuple(packed for part in parts for packed in part.located),
    )


def _join_services(parts: list[ServiceRows]) -> ServiceRows:
    sent, flows = _concatenated([part.sent for part in parts], 2), _concatenated([part.flows for part in parts], 2)
    for part in parts[1:]:
        _add(sent, part.sent, 2)
        _add(flows, part.flows, 2)
    rows, troubles, above = [parts[0].trouble_of[:0]], [parts[0].troubles[:0]], 0
    other = np.zeros(2, state.TROUBLE)
    for part in parts:
        rows.append(np.where(part.trouble_of[1:] > 0, part.trouble_of[1:] + above, 0).astype(np.int32))
        troubles.append(part.troubles)
        above += len(part.troubles) // 2
        if part.trouble_of[0]:
            _add(other, part.troubles[2 * part.trouble_of[0] - 2 :], 2)
    troubled = int(other.tobytes().strip(b"\0") != b"")
    if troubled:
        troubles.append(other)
        above += 1
    pending = None
    if any(part.pending is not None for part in parts):
        full = [np.zeros((len(part.keys), 2), np.int64) if part.pending is None else part.pending for part in parts]
        pending = np.concatenate([sum(rows[:1] for rows in full), *(rows[1:] for rows in full)])
    return ServiceRows(
        _concatenated([part.keys for part in parts], 1),
        sent,
        flows,
        np.concatenate([np.array([troubled * above], np.int32), *rows]),
        np.concatenate(troubles),
        pending,
    )


def _join_answers(parts: list[AnswerRows]) -> AnswerRows:
    counts, since = _concatenated([part.counts for part in parts], 1), _concatenated([part.since for part in parts], 1)
    for part in parts[1:]:
        counts[0] += part.counts[0]
        since[0] = min(since[0], part.since[0])
    above, latency, others, rows = 0, [], [], []
    for part in parts:
        own = np.searchsorted(part.latency[:, 0], LATENCY_BUCKETS)
        others.append(part.latency[:own])
        latency.append(part.latency[own:] + np.array([above * LATENCY_BUCKETS, 0], np.uint32))
        rows.append(np.where(part.questions.row > 0, part.questions.row + above, 0))
        above += len(part.keys) - 1
    asked = [part.questions for part in parts]
    questions = Questions(
        np.concatenate(rows),
        np.concatenate([part.name for part in asked]),
        np.concatenate([part.kept for part in asked]),
        np.concatenate([part.many for part in asked]),
    )
    keys = _concatenated([part.keys for part in parts], 1)
    return AnswerRows(keys, counts, np.concatenate([*others, *latency]), since, questions)


def _join_paths(parts: list[PathView]) -> PathView:
    return parts[0]._replace(
        policing=sorted((case for part in parts for case in part.policing), key=lambda case: case[:2]),
        loads=sorted((case for part in parts for case in part.loads), key=lambda case: case[:5]),
        calm=set().union(*(part.calm for part in parts)),
        unjudged=sum(part.unjudged for part in parts),
    )


def _concatenated(arrays: list[NDArray[Any]], head: int) -> NDArray[Any]:
    """The arrays one after the other, but for the first `head` entries of those after the first."""
    return np.concatenate([arrays[0], *(array[head:] for array in arrays[1:])])


def _add(to: NDArray[np.void], some: NDArray[np.void], many: int) -> None:
    for name in to.dtype.names or ():
        to[name][:many] += some[name][:many]


def encode_paths(paths: PathView) -> bytes:
    """As MessagePack; what has no order is sorted."""
    return msgspec.msgpack.encode(paths._replace(calm=sorted(paths.calm)), enc_hook=lambda value: value.item())  # type: ignore[arg-type]


def _services(told: dict[str, Any]) -> ServiceRows:
    keys = snapshot.array(told, "keys", SERVICE_KEY, 1 << 31)
    rows = len(keys)
    troubles = snapshot.array(told, "troubles", state.TROUBLE, 4 * rows)
    trouble_of = snapshot.array(told, "trouble_of", np.int32, rows, exactly=True)
    if not rows or len(troubles) % 2 or trouble_of.min() < 0 or 2 * trouble_of.max() > len(troubles):
        raise ValueError("no window part: rows of services do not fit each other")
    pending = told["pending"]
    if pending is not None and (pending.shape, pending.dtype) != ((rows, 2), np.int64):
        raise ValueError("no window part: undecided SYNs do not fit the services")
    sent = snapshot.array(told, "sent", state.SENT, 2 * rows, exactly=True)
    flows = snapshot.array(told, "flows", state.FLOWS, 2 * rows, exactly=True)
    return ServiceRows(keys, sent, flows, trouble_of, troubles, pending)


def _answers(told: dict[str, Any]) -> AnswerRows:
    keys = snapshot.array(told, "keys", DNS_KEY, 1 << 31)
    rows, counts, latency = len(keys), told["counts"], told["latency"]
    if not rows or (counts.shape, counts.dtype) != ((rows, DNS_COUNTS), np.uint32):
        raise ValueError("no window part: DNS counts do not fit their keys")
    if latency.ndim != 2 or latency.shape[1] != 2 or latency.dtype != np.uint32:
        raise ValueError("no window part: impossible latencies")
    if (latency[:, 0] >= rows * LATENCY_BUCKETS).any() or (
        np.diff((latency[:, 0] // LATENCY_BUCKETS).astype(int)) < 0
    ).any():
        raise ValueError("no window part: latencies of no resolver")
    asked = told["questions"]
    name = snapshot.array(asked, "name", NAME, 1 << 31)
    kept = snapshot.array(asked, "kept", np.uint8, len(name), exactly=True).astype(bool)
    row, many = (snapshot.array(asked, which, np.int64, len(name), exactly=True) for which in ("row", "many"))
    if len(row) and not 0 <= row.min() <= row.max() < rows:
        raise ValueError("no window part: questions to no resolver")
    since = snapshot.array(told, "since", np.int64, rows, exactly=True)
    return AnswerRows(keys, counts, latency, since, Questions(row, name, kept, many))
