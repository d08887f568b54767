"""The core over a source: what `analyze` says of the same, however it is divided, and from a snapshot too."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import orjson
import pytest

from producers.recorded.fleet import Benches, Fleet, Item, Shards, pack_step, unpack_step
from producers.recorded.source import Recorded, open_source
from tests.producers.recorded.collected import DEMO, LAB, WITH_QUOTES, everything
from tests.streams.publishing import answer, header_batches, split
from wireverdict import compose, snapshot
from wireverdict.judge import Judge
from wireverdict.records import CONNECTION
from wireverdict.settings import Settings
from wireverdict.windows.view import WindowView

SETTINGS = Settings()
CAPTURES = (DEMO, WITH_QUOTES, LAB / "bufferbloat-up.client.pcap.xz")


@cache
def expected(capture: Path) -> tuple[list[bytes], list[bytes]]:
    return answer(list(header_batches([capture])))


def recorded(capture: Path, partitions: int, sensor: str = "edge") -> list[Recorded]:
    return everything(open_source([str(capture)], SETTINGS, partitions=partitions, sensor=sensor))


def judged(items: Iterable[Item]) -> dict[str, tuple[list[bytes], list[bytes]]]:
    """Records and verdicts of each sensor, sorted, as `answer` gives them."""
    judges: dict[str, Judge] = {}
    records: dict[str, list[np.ndarray]] = {}
    verdicts: dict[str, list[bytes]] = {}
    for sensor, what in items:
        records.setdefault(sensor, [np.zeros(0, CONNECTION)])
        heard = verdicts.setdefault(sensor, [])
        if isinstance(what, np.ndarray):
            records[sensor].append(what)
            continue
        judge = judges.setdefault(sensor, compose.judge(SETTINGS))
        told = judge.step(what) if isinstance(what, WindowView) else judges.pop(sensor).finish()
        heard += [orjson.dumps(verdict.to_json()) for verdict in told]
    assert judges == {}
    return {sensor: (split(np.concatenate(records[sensor])), sorted(verdicts[sensor])) for sensor in records}


def run(source: Sequence[Recorded]) -> dict[str, tuple[list[bytes], list[bytes]]]:
    fleet = Fleet(SETTINGS)
    items = [item for part in source for item in fleet.feed(part)]
    return judged(items + fleet.finish())


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("capture", CAPTURES)
def test_the_same_as_analyze(capture: Path, partitions: int) -> None:
    assert run(recorded(capture, partitions)) == {"edge": expected(capture)}


def test_sensors_do_not_meet_and_inputs_may_follow_each_other() -> None:
    one, other = recorded(DEMO, 2), recorded(WITH_QUOTES, 3, "far")
    again = recorded(WITH_QUOTES, 2)
    mixed = itertools.zip_longest([*one, *again], other)
    found = run([part for pair in mixed for part in pair if part is not None])
    records, verdicts = (sorted(a + b) for a, b in zip(expected(DEMO), expected(WITH_QUOTES), strict=True))
    assert found == {"edge": (records, verdicts), "far": expected(WITH_QUOTES)}


def test_a_shard_may_be_an_input_ahead() -> None:
    both = [recorded(DEMO, 2), recorded(WITH_QUOTES, 2)]
    first = [part for input in both for part in input if part.partition == 0]
    second = [part for input in both for part in input if part.partition == 1]
    records, verdicts = (sorted(a + b) for a, b in zip(expected(DEMO), expected(WITH_QUOTES), strict=True))
    assert run([*first, *second]) == {"edge": (records, verdicts)}


def test_without_ends_the_source_ends_it() -> None:
    parts = [part for part in recorded(DEMO, 4) if not part.end]
    assert run(parts) == {"edge": expected(DEMO)}
    fleet = Fleet(SETTINGS)
    for part in parts:
        fleet.feed(part)
    assert fleet.shards.open > 0
    assert set(fleet.shards.clocks) == {"edge"}


def test_from_a_snapshot_it_goes_on_as_it_would_have() -> None:
    parts = [*recorded(DEMO, 3), *recorded(WITH_QUOTES, 3)]
    parts = [part for part in parts if part.partition != 2] + [part for part in parts if part.partition == 2]
    for place in (1, len(parts) // 2, len(parts) - 2):
        fleet = Fleet(SETTINGS)
        items = [item for part in parts[:place] for item in fleet.feed(part)]
        kept = snapshot.unpack(snapshot.pack(fleet.dump()))
        fleet = Fleet(SETTINGS)
        fleet.load(kept)
        items += [item for part in parts[place:] for item in fleet.feed(part)]
        records, verdicts = (sorted(a + b) for a, b in zip(expected(DEMO), expected(WITH_QUOTES), strict=True))
        assert judged(items + fleet.finish()) == {"edge": (records, verdicts)}


def test_shards_may_be_elsewhere() -> None:
    parts = recorded(DEMO, 2)
    apart, benches, items = [Shards(SETTINGS), Shards(SETTINGS)], Benches(SETTINGS), []
    for part in parts:
        if part.end:
            continue
        step = apart[part.partition].feed(part)
        if step is not None:
            items += [Item("edge", records) for records in step.records]
            items += benches.feed(unpack_step(snapshot.unpack(snapshot.pack(pack_step(step)))))
    clocks = {"edge": {0: max(shards.clocks["edge"][0] for shards in apart)}}
    for shards in apart:
        for step in shards.finish(clocks):
            items += [Item("edge", records) for records in step.records] + benches.feed(step)
    assert judged(items + benches.finish()) == {"edge": expected(DEMO)}


def test_two_divisions_of_one_input_are_refused() -> None:
    fleet = Fleet(SETTINGS)
    fleet.feed(recorded(DEMO, 2)[0])
    with pytest.raises(ValueError, match="partitions here and into"):
        fleet.feed(recorded(DEMO, 3)[2])
