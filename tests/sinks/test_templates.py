"""The real servers take everything that we produce: verdicts of real faults, records at the ends of their ranges, and
evidence of any shape that JSON has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinks.base import Document, Kind, Sink
from sinks.registry import make
from tests.cli.program import DEMO, ROOT, run
from tests.sinks.made import sane_rows, verdict_document
from tests.sinks.searching import Search
from wireverdict.output.identity import record_ids
from wireverdict.output.json_records import sensor_lines

pytestmark = pytest.mark.services
LAB = ("bufferbloat-up", "policed-down-several", "zero-window-server")
WORDS = st.text(st.characters(codec="utf-8"), max_size=40)
VALUES = {  # a name is of one kind, as in every detector
    "count": st.integers(-(2**63), 2**63 - 1),
    "share": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 10**15)),
    "summary": st.one_of(st.none(), WORDS, st.just("x" * 40_000)),
    "top": st.lists(st.fixed_dictionaries({"name": WORDS, "count": st.integers(0, 10**9)}), max_size=5),
    "names": st.lists(WORDS, max_size=5),
    "cut": st.one_of(st.none(), st.booleans()),
    "codes": st.dictionaries(st.sampled_from(["noerror", "nxdomain", "refused"]), st.integers(0, 10**9)),
    "looks_like_a_time": st.sampled_from(["2026-11-23", "12:00", "2026/11/23 12:00:00", "1e5", "-"]),
}
EVIDENCE = st.fixed_dictionaries({}, optional=VALUES)


@pytest.fixture(scope="module", params=["elasticsearch", "opensearch"])
def stage(request: pytest.FixtureRequest) -> Iterator[tuple[Search, Sink]]:
    made = Search(request.param)
    made.sink()  # puts the templates
    sink = make(request.param, made.settings(timeout=60.0))
    sink.open()
    yield made, sink
    sink.close()
    made.front.close()


@pytest.fixture(scope="module")
def faults() -> list[Document]:
    """Verdicts of the lab's captures of real faults."""
    found = list(run("analyze", "--json", DEMO).of("verdict"))
    folder = ROOT / "tests" / "lab" / "captures"
    for name in LAB:
        found += run("analyze", "--json", folder / f"{name}.server.pcap.xz").of("verdict")
    template = verdict_document(0)
    return [
        template._replace(id=f"fault-{number}", body=orjson.dumps(value | {"observer": {"name": "gw"}}))
        for number, value in enumerate(found)
    ]


def test_verdicts_of_real_faults(stage: tuple[Search, Sink], faults: list[Document]) -> None:
    rules = {document.value()["rule"]["id"] for document in faults}
    assert len(rules) >= 4, rules
    assert refusals(stage[1], faults) == []


def test_records_at_the_ends_of_their_ranges(stage: tuple[Search, Sink]) -> None:
    rows = sane_rows(400, seed=3)
    random = np.random.default_rng(3)
    for place in (rows, rows["source"], rows["destination"]):
        for name in place.dtype.names or ():
            kind = place.dtype[name]
            if kind.kind in "iu" and name not in (
                "first_ts",
                "last_ts",
                "state",
                "protocol",
                "reasons",
                "rtt_method",
                "pad",
            ):
                most = min(np.iinfo(kind).max, 2**62 - 1)  # two are summed, and a long has 63 bits
                ends = np.array([0, 1, most], kind)
                chosen = random.random(len(rows)) < 0.5
                if place[name].ndim == 1:
                    place[name][chosen] = random.choice(ends, int(chosen.sum()))
    rows["history_length"] %= 8
    ids = record_ids(rows, "gw")
    lines = b"".join(bytes(piece) for piece in sensor_lines(rows, ids, "gw")).splitlines()
    origin = verdict_document(0).origin
    given = [
        Document(Kind.CONNECTION, bytes(name).decode(), line, origin) for name, line in zip(ids, lines, strict=True)
    ]
    assert refusals(stage[1], given) == []


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.tuples(EVIDENCE, EVIDENCE, WORDS, WORDS), min_size=10, max_size=30))
def test_evidence_of_any_shape(stage: tuple[Search, Sink], cases: list[tuple[Any, Any, str, str]]) -> None:
    made = []
    for number, (evidence, quality, remedy, reason) in enumerate(cases):
        changes = {"evidence": evidence, "capture_quality": quality, "remedy": remedy, "reason": reason}
        document = verdict_document(number)
        value = document.value()
        value["wireverdict"] |= changes
        body = orjson.dumps(value)
        made.append(document._replace(id=f"made-{hash(body)}", body=body))
    assert refusals(stage[1], made) == []


def refusals(sink: Sink, documents: Sequence[Document]) -> list[str]:
    """Why documents were refused."""
    return [each.reason for each in sink.write(documents)]
