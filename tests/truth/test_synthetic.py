"""A million generated packets whose every count is known: ours equal the truth, connection by connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import generate, plan
from tests.truth import ours
from wireverdict.cli.app import run
from wireverdict.records import State

PACKETS = 1_000_000
KEY = ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "protocol")
COUNTS = {
    "packets": "packets",
    "bytes": "bytes",
    "payload": "payload_bytes",
    "retransmissions": "retransmissions",
    "retransmitted_bytes": "retransmitted_bytes",
    "spurious": "spurious_retransmissions",
    "out_of_order": "out_of_order",
    "duplicate_acks": "duplicate_acks",
    "zero_windows": "zero_windows",
    "keep_alives": "keep_alives",
}
"""The generator's name for each count, and the record's."""
STATES = {
    plan.NORMAL: State.SF,
    plan.RESET_BY_CLIENT: State.RSTO,
    plan.RESET_BY_SERVER: State.RSTR,
    plan.LEFT_OPEN: State.S1,
    plan.REFUSED: State.REJ,
    plan.UNREACHED: State.S0,
    plan.ANSWERED: State.SF,
    plan.UNANSWERED: State.S0,
    plan.LATE: State.SF,
    plan.ORPHAN: State.SHR,
}


class Made:
    """The capture, its truth and our records, both sorted by addresses and ports."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "synthetic.pcap"
        rows = generate.generate(self.path, PACKETS, seed=1)
        self.truth: dict[str, Any] = generate.truth(rows)
        records, self.counters, _, self.errors = ours.run([self.path])
        self.rows, self.records = _sorted(rows), _sorted(records)


def _sorted(rows: NDArray[np.void]) -> NDArray[np.void]:
    sorted_rows: NDArray[np.void] = rows[np.lexsort([rows[name] for name in KEY])]
    return sorted_rows


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("synthetic"))


def test_packets_and_connections(made: Made) -> None:
    assert made.errors == ()
    assert made.counters["packets"] == made.truth["packets"] > 900_000
    assert made.counters["connections"] == made.truth["connections"]
    assert made.counters["skipped"] == {}
    assert made.counters["bounds"] == {}


def test_the_same_connections(made: Made) -> None:
    assert len(made.records) == len(made.rows)
    for name in KEY:
        np.testing.assert_array_equal(made.records[name], made.rows[name], err_msg=name)
    np.testing.assert_array_equal(made.records["first_ts"], made.rows["first"] // 1000 * 1000)
    ended = np.where(made.rows["closed"] > 0, made.rows["closed"], made.rows["last"])  # as docs/definitions.md has it
    np.testing.assert_array_equal(made.records["last_ts"], ended // 1000 * 1000)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_of_every_connection(made: Made, name: str) -> None:
    for theirs, mine in (("client", "source"), ("server", "destination")):
        wrong = np.flatnonzero(made.rows[theirs][name] != made.records[mine][COUNTS[name]])
        shown = [
            (made.rows[theirs][name][i], made.records[mine][COUNTS[name]][i], made.rows["rtt"][i]) for i in wrong[:5]
        ]
        assert len(wrong) == 0, f"{name} of the {theirs}: (true, ours, RTT in ns) {shown}"
    total = made.truth.get({"payload": "payload_bytes", "spurious": "spurious_retransmissions"}.get(name, name))
    assert total is not None
    assert total > 0


def test_states(made: Made) -> None:
    for kind, state in STATES.items():
        found = made.records["state"][made.rows["kind"] == kind]
        assert len(found)
        assert set(found.tolist()) == {state}, plan.KINDS[kind]


def test_dns(made: Made) -> None:
    counted = made.counters["dns"]
    assert {name: counted[name] for name in made.truth["dns"]} == made.truth["dns"]


def test_round_trip_times_are_not_below_the_truth(made: Made) -> None:
    """From the capture point to the server and back: that part of the path's RTT, as SYN and SYN-ACK show it."""
    shook = made.rows["kind"] == plan.NORMAL
    rows, records = made.rows[shook], made.records[shook]
    beyond = (rows["rtt"] * (1 - rows["place"])) / 1000
    assert np.all(records["source"]["rtt_samples"] > 0)
    assert np.all(records["source"]["rtt_min"] >= np.floor(beyond) - 1)
    close = np.abs(records["source"]["rtt_min"] - beyond) <= np.maximum(2, 0.02 * beyond)
    assert np.mean(close) > 0.99


def test_the_command_says_the_same(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", str(made.path), "--json"]) in (0, 1)
    documents = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    kinds = [document["event"]["dataset"] for document in documents]
    assert kinds[-1] == "wireverdict.summary"
    connections = [document for document in documents if document["event"]["dataset"] == "wireverdict.connection"]
    assert len(connections) == len(made.rows)
    for name in ("packets", "bytes"):
        assert sum(document["network"][name] for document in connections) == made.truth[name]
    for field, name in (("retransmissions", "retransmissions"), ("out_of_order", "out_of_order")):
        sent = sum(
            document["wireverdict"][side][field] for document in connections for side in ("source", "destination")
        )
        assert sent == made.truth[name]
    summary = documents[-1]["wireverdict"]
    assert summary["packets"] == made.truth["packets"]
    assert summary["connections"] == made.truth["connections"]
    assert {name: summary["dns"][name] for name in made.truth["dns"]} == made.truth["dns"]
