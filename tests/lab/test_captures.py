"""The lab's captures, analysed: what must fire does, in time and about the right ones, and nothing else; counts are the
kernel's."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.lab.judge import Analysis, analyse, shortcomings
from tests.lab.scenario import CAPTURES, load, names

ALL = [(name, view) for name in names() for view in load(name).views]
SENDERS = {"take": ("client", "source"), "give": ("server", "destination")}
"""Where a transfer's sender was captured, and its side of the record."""


@cache
def analysis(name: str, view: str) -> Analysis:
    return analyse(CAPTURES / f"{name}.{view}.pcap.xz")


@cache
def truth(name: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((CAPTURES / f"{name}.truth.json").read_text(encoding="utf-8"))
    return known


def transfers(name: str) -> list[dict[str, Any]]:
    """What TCP_INFO said of the bulk transfers at their senders, with the client's port."""
    lists = [t["connections"] for t in truth(name)["traffic"] if isinstance(t.get("connections"), list)]
    client = [row | {"client_port": row["port"]} for rows in lists for row in rows if row["do"] == "take"]
    server = [row | {"client_port": row["peer_port"]} for row in truth(name)["served"] if row["do"] == "give"]
    return client + server


@pytest.mark.parametrize(("name", "view"), ALL)
def test_the_right_verdicts_and_no_others(name: str, view: str) -> None:
    assert shortcomings(load(name), view, truth(name), analysis(name, view)) == []


@pytest.mark.parametrize("name", [name for name in names() if transfers(name)])
def test_retransmissions_are_the_kernels(name: str) -> None:
    """Within 1 %, at the sender. With offloads the kernel counts segments and a capture holds packets of many: bytes then."""
    ours = theirs = 0
    for row in transfers(name):
        view, side = SENDERS[row["do"]]
        records = analysis(name, view).records
        mine = records[(records["dport"] == 5001) & (records["sport"] == row["client_port"])]
        assert len(mine) == 1
        counts = (
            ("retransmitted_bytes", "bytes_retransmitted")
            if load(name).offloads
            else ("retransmissions", "retransmitted")
        )
        ours, theirs = ours + int(mine[0][side][counts[0]]), theirs + int(row[counts[1]])
        assert int(mine[0][side]["spurious_retransmissions"]) == row["needless_by_dsack"]
    assert ours == pytest.approx(theirs, rel=0.01)


def test_many_retransmissions_were_compared() -> None:
    assert sum(int(row["retransmitted"]) for name in names() for row in transfers(name)) > 10_000


def test_round_trips_are_what_the_client_timed() -> None:
    records = analysis("round-trips", "client").records
    compared = 0
    for traffic in truth("round-trips")["traffic"]:
        for row in traffic["connections"]:
            source = records[(records["dport"] == 5001) & (records["sport"] == row["port"])][0]["source"]
            for ours, theirs in (("rtt_p50", "p50_ms"), ("rtt_p95", "p95_ms"), ("rtt_min", "min_ms")):
                assert int(source[ours]) / 1000 == pytest.approx(row["took"][theirs], rel=0.05)
            assert int(source["rtt_samples"]) == pytest.approx(row["took"]["count"], abs=2)
            compared += 1
    assert compared == 3


@pytest.mark.parametrize(("name", "view"), ALL)
def test_the_capture_holds_all_that_the_client_sent(name: str, view: str) -> None:
    """As many UDP datagrams leave the client in the capture as its kernel sent."""
    if view == "client":
        records = analysis(name, view).records
        sent = int(records["source"]["packets"][records["protocol"] == 17].sum())
        assert sent == truth(name)["kernel"]["client"]["Udp.OutDatagrams"]
    assert truth(name)["tcpdump"][view]["packets dropped by kernel"] == 0


@pytest.mark.parametrize("name", [name for name in names() if load(name).queues])
def test_bloat_is_what_the_queue_held(name: str) -> None:
    """Where bufferbloat fired: the largest median delay told, in bytes at the link's rate, is what tbf held at its fullest."""
    for view in load(name).views:
        told = [v for v in analysis(name, view).verdicts if v.rule == "bufferbloat"]
        assert bool(told) == any(expected.rule == "bufferbloat" for expected in load(name).expect)
        if told:
            worst = max(told, key=lambda verdict: verdict.evidence["queue_delay_ms"])
            (queue,) = load(name).queues
            rate = float(queue.rate.removesuffix("mbit")) * 1e6
            held = worst.evidence["queue_delay_ms"] / 1000 * rate / 8
            assert held <= 1.1 * truth(name)["queue"][queue.side]["backlog_max"]
            assert held >= 0.3 * truth(name)["queue"][queue.side]["backlog_p50"]
            assert worst.evidence["base_rtt_ms"] == pytest.approx(30, abs=3) or worst.evidence["base_rtt_ms"] < 3


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("policed")])
def test_a_policers_rate_is_the_one_that_was_set(name: str) -> None:
    """nftables counts IP bytes; wireverdict reckons in Ethernet frames. Within 5 % for what both ends see."""
    for view in load(name).views:
        fired = [v.evidence["rate_bps"] for v in analysis(name, view).verdicts if v.rule == "policing"]
        assert np.median(fired) == pytest.approx(5e6 * 1518 / 1500, rel=0.05)
