"""One answer, however a timeline is divided: records and verdicts of shards equal those of the pipeline, byte for byte."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import numpy as np
import orjson
import pytest

from producers.timeline import open_timeline
from tests.captures import CAPTURES, capture_files
from tests.headers import DEMO, SETTINGS, batches
from wireverdict import compose, snapshot
from wireverdict.headers import HEADER, PORTS, UDP, HeaderBatch
from wireverdict.partition import divide, with_quoted
from wireverdict.records import CONNECTION
from wireverdict.settings import Settings
from wireverdict.shard import Shard
from wireverdict.windows.part import WindowPart, join

LAB = sorted((Path(__file__).parent / "lab" / "captures").rglob("*.pcap*"))
Answer = tuple[list[bytes], list[bytes]]


@cache
def captures() -> list[Path]:
    """The demo, some of the lab's, and a spread of the collection: every format, link type and protocol in it."""
    small = [path for path in capture_files() if path.stat().st_size < 3_000_000]
    policing = sorted((CAPTURES / "policing").rglob("*.pcap*"))[::22]
    return [DEMO, *LAB[::12], *policing, *small[::37]]


def from_pipeline(path: Path) -> Answer:
    made = compose.pipeline(SETTINGS)
    for frames in open_timeline([str(path)], batch=4096):
        made.feed(frames)
    made.finish()
    records = made.take_connections()
    return rows_of([records]), [orjson.dumps(verdict.to_json()) for verdict in made.take_verdicts()]


def rows_of(records: list[np.ndarray]) -> list[bytes]:
    return sorted(row.tobytes() for part in records for row in part)


def restored(shard: Shard, partitions: int) -> Shard:
    """A fresh shard with the other's memory, by way of bytes."""
    fresh = compose.shard(SETTINGS, partitions)
    fresh.load(snapshot.unpack(snapshot.pack(shard.dump())))
    return fresh


def from_shards(path: Path, partitions: int, size: int, restore: random.Random | None = None) -> Answer:
    """Through as many shards, which hear of the clock with their own headers only and at the end; `restore`: each is now
    and then replaced by one that was made from its snapshot, and so are those that join and judge."""
    shards = [compose.shard(SETTINGS, partitions) for _ in range(partitions)]
    merge, judge = compose.merge(SETTINGS, partitions), compose.judge(SETTINGS)
    records, verdicts = [np.zeros(0, CONNECTION)], []
    clock = np.iinfo(np.int64).min

    def hand_over(number: int) -> None:
        parts = []
        for item in shards[number].take():
            if isinstance(item, WindowPart):
                parts.append(WindowPart.from_bytes(item.to_bytes()))
            else:
                records.append(item)
        for view in merge.add(number, parts, shards[number].closed_through):
            verdicts.extend(judge.step(view))

    for batch in batches(path, size):
        rows = with_quoted(batch.rows, partitions)
        clocks = np.maximum(np.maximum.accumulate(rows["ts"]), clock) if len(rows) else rows["ts"]
        clock = int(clocks[-1]) if len(rows) else clock
        where = divide(rows, partitions)
        for number in np.unique(where).tolist():
            mine = where == number
            shards[number].feed(HeaderBatch(rows[mine], batch.names), clocks[mine])
            hand_over(number)
            if restore and restore.random() < 0.3:
                shards[number] = restored(shards[number], partitions)
        if restore and restore.random() < 0.2:
            merge_state, judge_state = snapshot.unpack(snapshot.pack({"m": merge.dump(), "j": judge.dump()})).values()
            merge, judge = compose.merge(SETTINGS, partitions), compose.judge(SETTINGS)
            merge.load(merge_state)
            judge.load(judge_state)
    for number, shard in enumerate(shards):
        shard.finish(clock)
        hand_over(number)
    for view in merge.finish():
        verdicts.extend(judge.step(view))
    verdicts.extend(judge.finish())
    return rows_of(records), [orjson.dumps(verdict.to_json()) for verdict in verdicts]


def test_the_captures_have_something_to_say() -> None:
    answers = [from_pipeline(path) for path in captures()]
    assert len(answers) >= 40
    assert sum(bool(verdicts) for _, verdicts in answers) >= 3
    assert sum(len(records) for records, _ in answers) > 3_000


@pytest.mark.parametrize("partitions", [1, 3, 16])
def test_shards_say_what_the_pipeline_says(partitions: int) -> None:
    chance = random.Random(partitions)
    for path in captures():
        expected = from_pipeline(path)
        assert from_shards(path, partitions, chance.choice([100, 1000, 8192])) == expected, path


@pytest.mark.parametrize("seed", [1, 2])
def test_shards_made_from_snapshots_go_on_as_if_nothing_had_happened(seed: int) -> None:
    for path in captures()[seed::3]:
        chance = random.Random(seed)
        assert from_shards(path, 4, 500, chance) == from_pipeline(path), path


def test_windows_by_count_cannot_be_divided() -> None:
    counted = Settings(windows=type(SETTINGS.windows)(packets=5000))
    with pytest.raises(ValueError, match="cannot be divided over 4 partitions"):
        compose.shard(counted, 4)
    compose.shard(counted, 1)


def test_a_snapshot_waits_until_everything_was_taken() -> None:
    shard = compose.shard(SETTINGS, 1)
    for batch in batches(DEMO, 8192):
        shard.feed(batch)
    shard.finish()
    with pytest.raises(ValueError, match="nobody has taken"):
        shard.dump()
    shard.take()
    shard.dump()


def test_a_snapshot_that_does_not_fit_is_refused() -> None:
    state = compose.shard(SETTINGS, 1).dump()
    with pytest.raises(ValueError, match="snapshot"):
        compose.shard(SETTINGS, 1).load(state | {"tracker": {}})
    with pytest.raises(ValueError, match="snapshot"):
        compose.shard(SETTINGS, 1).load({})


def test_a_clock_of_another_length_is_refused() -> None:
    batch = next(batches(DEMO, 100))
    with pytest.raises(ValueError, match="times for"):
        compose.shard(SETTINGS, 2).feed(batch, np.zeros(3, np.int64))


def test_windows_know_the_least_share_of_pairs_that_was_kept_in_them() -> None:
    shard = compose.shard(SETTINGS, 1)
    rows = np.zeros(400, HEADER)
    rows["ts"] = np.arange(400) * 100_000_000  # 40 s
    rows["protocol"], rows["src_lo"], rows["dst_lo"] = 17, 1, 2
    taken: list[np.ndarray | WindowPart] = []
    for start, share in ((0, 1.0), (150, 0.5), (180, 0.25), (200, 1.0)):
        stop = {0: 150, 150: 180, 180: 200, 200: 400}[start]
        shard.feed(HeaderBatch(rows[start:stop], np.zeros(0, np.uint8), share))
        taken += shard.take()
        state, shard = snapshot.pack(shard.dump()), compose.shard(SETTINGS, 1)
        shard.load(snapshot.unpack(state))
    shard.finish()
    parts = [part for part in [*taken, *shard.take()] if isinstance(part, WindowPart)]
    found = {part.number: part.capture.sampled for part in parts}
    assert found == {0: 1.0, 1: 0.25, 2: 1.0, 3: 1.0}
    assert {part.number: part.capture.left_out for part in parts} == {0: 0, 1: 30 + 3 * 20, 2: 0, 3: 0}
    part = next(part for part in parts if part.number == 1)
    assert join([part, part]).capture.left_out == 180
    assert WindowPart.from_bytes(part.to_bytes()).capture.left_out == 90
    assert WindowPart.from_bytes(part.to_bytes()).capture.sampled == 0.25
    assert join([part, next(each for each in parts if each.number == 2)]).capture.sampled == 0.25


@pytest.mark.parametrize("clocked", [False, True])
@pytest.mark.parametrize("far", [(1 << 63) - 1, (1 << 62) + 1, 1 << 62, -(1 << 62), -(1 << 63)])
def test_times_centuries_away_come_to_an_end(far: int, clocked: bool) -> None:
    """Damaged captures have them: 64 bits reach to the year 2262, and what is kept of times to 2116."""
    rows = np.zeros(6, HEADER)
    rows["ts"] = [1, 2, far, far, 3, far]
    rows["protocol"], rows["src_lo"], rows["dst_lo"], rows["present"] = UDP, 1, 2, PORTS
    shard = compose.shard(SETTINGS, 1)
    batch = HeaderBatch(rows, np.zeros(0, np.uint8))
    shard.feed(batch, np.maximum.accumulate(rows["ts"]) if clocked else None)
    shard.finish()
    records = [out for out in shard.take() if not isinstance(out, WindowPart)]
    assert sum(int(part["source"]["packets"].sum()) for part in records) == 6
