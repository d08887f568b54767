"""One answer: any size of batch and any split into files give the same bytes of ``--json``."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import encode, generate
from producers.timeline import open_timeline
from tests.captures import CAPTURES
from wireverdict.compose import pipeline
from wireverdict.output.json_records import json_lines
from wireverdict.settings import settings as make_settings
from wireverdict.verdicts import Verdict

DEMO = Path(__file__).resolve().parents[2] / "demo" / "dns-outage.pcap.gz"
REAL = (
    DEMO,
    CAPTURES / "zeek_zeek" / "ssh__ssh.pcap",
    CAPTURES / "zeek_zeek" / "smtp.pcap",
    CAPTURES / "blitz_tcptrace" / "discard.solaris.dmp.gz",
    CAPTURES / "arkime_arkime" / "arkime_synthetic.pcap",
    CAPTURES / "zeek_zeek" / "http__261__variant-10-multi_value_te.pcap",
)


def json_output(inputs: Sequence[Path], batch: int) -> bytes:
    """All documents but the summary's list of files, as ``--json`` prints them."""
    made = pipeline(make_settings())
    out = io.BytesIO()

    def hand_out() -> None:
        for item in made.take():
            if isinstance(item, Verdict):
                out.write(orjson.dumps(item.to_json()) + b"\n")
            else:
                for piece in json_lines(item):
                    out.write(piece)

    for frames in open_timeline([str(path) for path in inputs], batch=batch):
        made.feed(frames)
        hand_out()
    made.finish()
    hand_out()
    out.write(orjson.dumps(made.counters))
    return out.getvalue()


class Parts:
    """A generated capture, and the same cut into files at any packets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows, self.events = generate.build(12_000, 21, flood=500)
        self.whole = self.write("whole", self.events)
        self.answer = json_output([self.whole], 8192)
        self.number = 0

    def write(self, name: str, events: Any) -> Path:
        path = self.folder / f"{name}.pcap"
        with path.open("wb") as file:
            encode.write(file, events, self.rows, generate.SNAP)
        return path

    def cut(self, places: list[int]) -> list[Path]:
        """Consecutive files."""
        self.number += 1
        edges = [0, *sorted(places), len(self.events)]
        return [
            self.write(f"{self.number:03d}-{index}", self.events[start:end])
            for index, (start, end) in enumerate(itertools.pairwise(edges))
            if end > start
        ]

    def deal(self, count: int, seed: int) -> list[Path]:
        """Files that overlap in time: each packet goes to any of them."""
        self.number += 1
        owner = np.random.default_rng(seed).integers(0, count, len(self.events))
        return [self.write(f"{self.number:03d}-{index}", self.events[owner == index]) for index in range(count)]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return Parts(tmp_path_factory.mktemp("parts"))


BOUNDED = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@BOUNDED
@given(batch=st.one_of(st.integers(1, 64), st.integers(65, 65_536)))
def test_any_batch(parts: Parts, batch: int) -> None:
    assert json_output([parts.whole], batch) == parts.answer


@BOUNDED
@given(places=st.lists(st.integers(0, 12_000), max_size=6), batch=st.sampled_from([7, 500, 8192]))
def test_any_cut_into_files(parts: Parts, places: list[int], batch: int) -> None:
    files = parts.cut([min(place, len(parts.events)) for place in places])
    assert json_output(files, batch) == parts.answer


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_any_batch_of_real_captures(path: Path) -> None:
    expected = json_output([path], 8192)
    for batch in (1, 3, 257, 65_536):
        assert json_output([path], batch) == expected


def test_batches_of_one(parts: Parts) -> None:
    assert json_output([parts.whole], 1) == parts.answer


@pytest.fixture(scope="module")
def distinct(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """No two packets at the same microsecond: where there are, the order of the files on the command line decides."""
    made = Parts(tmp_path_factory.mktemp("distinct"))
    step = np.arange(len(made.events)) * 1000
    made.events["ts"] = np.maximum.accumulate(made.events["ts"] // 1000 * 1000 - step) + step
    made.whole = made.write("whole", made.events)
    made.answer = json_output([made.whole], 8192)
    return made


@BOUNDED
@given(places=st.lists(st.integers(0, 12_000), max_size=6), data=st.data())
def test_any_order_of_files(distinct: Parts, places: list[int], data: st.DataObject) -> None:
    files = distinct.cut([min(place, len(distinct.events)) for place in places])
    assert json_output(data.draw(st.permutations(files)), 8192) == distinct.answer


@pytest.mark.parametrize("count", [2, 5])
def test_files_that_overlap_in_time(distinct: Parts, count: int) -> None:
    assert json_output(distinct.deal(count, seed=count), 1000) == distinct.answer
