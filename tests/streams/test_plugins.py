"""Detectors of others in the stream: the same verdicts as analyze, whatever the partitions, restarts and errors."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.detectors.others import Busy, Fragile
from tests.streams import chain as chains
from tests.streams.chain import Chain
from tests.streams.publishing import answer, header_batches, publication
from wireverdict.bus import Topic
from wireverdict.detectors.registry import provide
from wireverdict.headers import HeaderBatch
from wireverdict.settings import Settings, Source, settings

DEMO = Path(__file__).resolve().parents[2] / "demo" / "dns-outage.pcap.gz"

provide("busy", Busy)
provide("fragile", Fragile)


@pytest.fixture(scope="module")
def batches() -> list[HeaderBatch]:
    return list(header_batches([DEMO], batch=1_000))


def chosen(*plugins: str) -> Settings:
    return settings([Source({"detectors": {"busy_window": {"packets": 1_500}}}, lambda key: "here")], plugins)


def told(chain: Chain) -> list[bytes]:
    return sorted(chains.without_observer(out.value) for out in chain.sent if out.topic is Topic.VERDICTS)


def rules(verdicts: list[bytes]) -> set[str]:
    return {orjson.loads(verdict)["rule"]["id"] for verdict in verdicts}


@pytest.mark.parametrize(("partitions", "restarts"), [(1, False), (3, True)])
def test_the_same_as_analyze(batches: list[HeaderBatch], partitions: int, restarts: bool) -> None:
    mine = chosen("busy", "fragile")
    chain = Chain(partitions, mine)
    for number, message in enumerate(publication(batches, "edge", partitions)):
        chain.take([message])
        if restarts and number % 40 == 0:
            chain.reload()
    whole = answer(batches, mine)[1]
    assert told(chain) == whole
    assert {"busy-window", "detector-error"} <= rules(whole)


def test_one_that_breaks_changes_nothing_else_and_is_counted(batches: list[HeaderBatch]) -> None:
    chain = Chain(2, chosen("busy", "fragile"))
    chain.take(publication(batches, "edge", 2))
    others = [verdict for verdict in told(chain) if rules([verdict]).isdisjoint({"fragile-window", "detector-error"})]
    assert others == answer(batches, chosen("busy"))[1]
    counted = chain.metrics.registry.get_sample_value(
        "wireverdict_stream_detector_errors_total", {"detector": "fragile-window"}
    )
    assert counted is not None
    assert 2 <= counted <= 5
