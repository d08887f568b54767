"""What the detectors agent remembers of one partition of the windows topic: the judge of each sensor. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from streams.messages import Closing, Incoming, Outgoing, Outputs, nothing
from streams.metrics import Metrics
from streams.silence import Silence
from wireverdict import compose, snapshot
from wireverdict.bus import SCHEMA, BadMessage, Topic
from wireverdict.judge import Judge
from wireverdict.location.evidence import with_location
from wireverdict.location.recent import Found, as_located, unpacked
from wireverdict.settings import Settings
from wireverdict.verdicts import Verdict
from wireverdict.windows.home import HomeNetworks
from wireverdict.windows.merge import Merge
from wireverdict.windows.part import WindowPart
from wireverdict.windows.view import WindowView

LOCATED = 6
"""Windows of which located losses are kept for verdicts."""


@dataclass(slots=True)
class Bench:
    """One sensor: its shards' windows joined, and judged."""

    epoch: int = 0
    shards: int = 0  # 0: nothing of this epoch yet
    merge: Merge | None = None
    judge: Judge | None = None
    ended: set[int] = field(default_factory=set)  # shards whose input is over
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)  # origin last taken, per shard
    pieces: dict[int, list[bytes]] = field(default_factory=dict)  # of a value that is not complete, per shard
    later: list[tuple[bytes, bytes]] = field(default_factory=list)  # of later epochs: envelope, value
    ahead: set[int] = field(default_factory=set)  # shards of those
    located: list[tuple[int, list[Found]]] = field(default_factory=list)  # losses by window, of the last LOCATED


class Verdicts:
    """State of one partition; see streams.messages.State."""

    def __init__(self, settings: Settings, metrics: Metrics, partition: int) -> None:
        self.settings, self.metrics, self.partition = settings, metrics, partition
        self.benches: dict[str, Bench] = {}
        self.silence = Silence(settings.stream.silence)

    @property
    def open(self) -> int:
        """Sensors whose input goes on."""
        return sum(bench.merge is not None for bench in list(self.benches.values()))

    def prepare(self, message: Incoming) -> None:
        """See State. What a window's parts are is known when the last piece has come."""

    def apply(self, message: Incoming, prepared: None = None) -> Outputs:
        """See State."""
        outputs = self._outputs(message)
        return (lambda: outputs) if outputs else nothing

    def _outputs(self, message: Incoming) -> list[Outgoing]:
        closing = Closing.from_headers(message.headers)
        if not 0 <= closing.shard < closing.shards:
            raise BadMessage(f"shard {closing.shard} of {closing.shards}")
        bench = self.benches.get(closing.sensor)
        if bench is None:  # whatever was before is gone, or there was nothing
            bench = self.benches[closing.sensor] = Bench(closing.epoch)
        origin = (closing.offset, closing.piece)
        if origin <= bench.seen.get(closing.shard, (-1, -1)) or closing.epoch < bench.epoch:
            self.metrics.duplicates.labels(Topic.WINDOWS).inc()
            return []
        pieces = bench.pieces.get(closing.shard, []) if closing.piece else []
        if len(pieces) != closing.piece:
            raise BadMessage(f"piece {closing.piece} of {closing.pieces} without those before it")
        value = b"".join([*pieces, message.value])
        if closing.epoch == bench.epoch and bench.shards not in (0, closing.shards):
            raise BadMessage(f"shard {closing.shard} of {closing.shards}, of a sensor that began with {bench.shards}")
        complete = closing.piece + 1 == closing.pieces
        parts = _parts(value) if complete else []  # raises before anything has changed
        bench.seen[closing.shard] = origin
        bench.pieces.pop(closing.shard, None)
        if not complete:
            bench.pieces[closing.shard] = [*pieces, message.value]
            return []
        self.metrics.messages.labels(Topic.WINDOWS, "end" if closing.ended else "windows").inc()
        verdicts = self._take_or_keep(bench, closing, value, parts)
        while len(bench.ended | bench.ahead) == bench.shards > 0:
            verdicts += self._end(bench, closing.sensor)
            waiting, bench.later, bench.ahead = bench.later, [], set()
            for envelope, data in waiting:
                verdicts += self._take_or_keep(bench, msgspec.json.decode(envelope, type=Closing), data, _parts(data))
        told = [(closing.sensor, verdict) for verdict in verdicts]
        told += self.silence.heard(closing.sensor, closing.clock, closing.ended)
        return [self._outgoing(sensor, verdict) for sensor, verdict in told]

    def _take_or_keep(self, bench: Bench, closing: Closing, value: bytes, parts: list[WindowPart]) -> list[Verdict]:
        """Take what belongs to the input that is being judged. What a shard has of a later one waits: `ahead`, it has
        ended this one, even if the message that said so was lost. `parts`: those of `value`."""
        if closing.epoch <= bench.epoch:
            return self._take(bench, closing, parts)
        bench.later.append((msgspec.json.encode(closing), value))
        bench.ahead.add(closing.shard)
        return []

    def _take(self, bench: Bench, closing: Closing, parts: list[WindowPart]) -> list[Verdict]:
        if bench.merge is None or bench.judge is None:
            bench.shards = closing.shards
            bench.merge = self._merge(closing.shards)
            bench.judge = compose.judge(self.settings)
        verdicts: list[Verdict] = []
        for view in bench.merge.add(closing.shard, parts, closing.closed_through):
            verdicts += self._judge(bench, closing.sensor, view)
        self._count_errors(bench.judge)
        if closing.ended:
            bench.ended.add(closing.shard)
        return verdicts

    def _judge(self, bench: Bench, sensor: str, view: WindowView) -> list[Verdict]:
        """What a window makes people hear, with where its segments were lost as far as several sensors tell."""
        assert bench.judge is not None
        if view.located:
            bench.located = [*bench.located[1 - LOCATED :], (view.number, unpacked(view.located))]
        bench.located = [each for each in bench.located if each[0] > view.number - LOCATED]
        return self._with_location(bench, sensor, bench.judge.step(view))

    @staticmethod
    def _with_location(bench: Bench, sensor: str, verdicts: list[Verdict]) -> list[Verdict]:
        if not bench.located or not verdicts:
            return verdicts
        located = [as_located(found) for _, found in bench.located]
        return [with_location(verdict, sensor, located) for verdict in verdicts]

    def _merge(self, shards: int) -> Merge:
        return Merge(shards, HomeNetworks(self.settings.capture.home_networks))

    def _end(self, bench: Bench, sensor: str) -> list[Verdict]:
        """All shards have ended: the verdicts that waited for more, and a fresh start for what comes next."""
        assert bench.merge is not None
        assert bench.judge is not None
        verdicts = [verdict for view in bench.merge.finish() for verdict in self._judge(bench, sensor, view)]
        verdicts += self._with_location(bench, sensor, bench.judge.finish())
        self._count_errors(bench.judge)
        bench.epoch, bench.located = bench.epoch + 1, []
        bench.shards, bench.merge, bench.judge, bench.ended = 0, None, None, set()
        return verdicts

    def _count_errors(self, judge: Judge) -> None:
        for detector, error in judge.news():
            self.metrics.detector_failed(detector, error)

    def _outgoing(self, sensor: str, verdict: Verdict) -> Outgoing:
        self.metrics.verdicts.labels(verdict.rule, verdict.status).inc()
        document = verdict.to_json() | {"observer": {"name": sensor}}
        headers = [
            ("wv-schema", str(SCHEMA).encode()),
            ("wv-sensor", sensor.encode()),
            ("wv-id", f"{verdict.id}-{sensor}".encode()),
        ]
        return Outgoing(Topic.VERDICTS, verdict.fingerprint.encode(), orjson.dumps(document), headers)

    def missed(self) -> None:
        """See State. What shards say of themselves is enough: windows come with how far a shard is, and with its epoch."""

    def dump(self) -> Callable[[], bytes]:
        """See State. There is little of it, much of it alive: it is packed here and now."""
        benches: dict[str, Any] = {}
        for sensor, bench in self.benches.items():
            benches[sensor] = {
                "epoch": bench.epoch,
                "shards": bench.shards,
                "merge": None if bench.merge is None else bench.merge.dump(),
                "judge": None if bench.judge is None else bench.judge.dump(),
                "ended": sorted(bench.ended),
                "seen": [[shard, *origin] for shard, origin in bench.seen.items()],
                "pieces": [[shard, pieces] for shard, pieces in bench.pieces.items()],
                "later": [list(pair) for pair in bench.later],
                "located": [[number, msgspec.msgpack.encode(found)] for number, found in bench.located],
            }
        packed = snapshot.pack({"benches": benches, "silence": self.silence.dump()})
        return lambda: packed

    def load(self, data: bytes) -> None:
        """See State."""
        state = snapshot.unpack(data)
        self.silence.load(state["silence"])
        for sensor, values in state["benches"].items():
            bench = self.benches[sensor] = Bench(values["epoch"], values["shards"])
            if values["merge"] is not None:
                bench.merge = self._merge(bench.shards)
                bench.merge.load(values["merge"])
                bench.judge = compose.judge(self.settings)
                bench.judge.load(values["judge"])
            bench.ended = set(values["ended"])
            bench.seen = {shard: (offset, piece) for shard, offset, piece in values["seen"]}
            bench.pieces = {shard: list(pieces) for shard, pieces in values["pieces"]}
            bench.later = [(envelope, value) for envelope, value in values["later"]]
            bench.located = [(number, unpacked([found])) for number, found in values.get("located", ())]
            bench.ahead = {msgspec.json.decode(envelope, type=Closing).shard for envelope, _ in bench.later}


def _parts(value: bytes) -> list[WindowPart]:
    """Raises BadMessage."""
    if not value:
        return []
    try:
        return [WindowPart.from_bytes(part) for part in msgspec.msgpack.decode(value, type=list[bytes])]
    except ValueError as error:  # msgspec's among them
        raise BadMessage(f"unreadable window parts: {error}") from None
