"""DNS transactions as transcripts: what was asked and answered when, and what each window says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.windows.made import Script
from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.windows.fields import LATENCY_BUCKETS, NEVER, Dns, bucket_bounds, bucket_of
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.view import WindowView
from wireverdict.windows.windows import Windows

SMALL = WindowSettings(max_services=256, max_dns_pairs=64, max_names=64, max_pending=256)
TOTALS = ("attempts", "answered", "late", "unanswered", "orphans", "pending", "untracked")


def play(
    script: Script, config: WindowSettings = SMALL, until: float | None = 100.0
) -> tuple[Windows, list[WindowView]]:
    """Run a script; `until`: a last packet of somebody else at that time moves the watermark on."""
    if until is not None:
        script.packet(until, 98, 99)
    rows, names, notes = script.arrays()
    windows, start = Windows(config), 0
    views: list[WindowView] = []
    while start < len(rows):
        start = windows.observe(rows, names, notes, start)
        views += windows.close()
    return windows, [*views, *windows.finish()]


def totals(windows: Windows) -> dict[str, int]:
    return {name: value for name, value in windows.dns_totals.items() if value}


def counts(view: WindowView, row: int = 0) -> dict[str, int]:
    return {name.name.lower(): int(view.dns.counts[row, name]) for name in Dns if view.dns.counts[row, name]}


def test_question_and_answer() -> None:
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "www.example", qtype=28)
    script.dns(1.030, 1, 53, 4000, 7, "www.example", qtype=28, answer=True)
    windows, views = play(script)
    assert totals(windows) == {"attempts": 1, "answered": 1}
    assert counts(views[0]) == {"attempts": 1, "answered": 1, "noerror": 1, "new_attempts": 1, "new_answered": 1}
    (bucket,) = np.flatnonzero(views[0].dns.latency[0])
    assert bucket_bounds(int(bucket))[0] <= 30_000 <= bucket_bounds(int(bucket))[1]
    assert views[0].dns.since[0] == NEVER
    assert views[0].dns.names == [[]]
    assert not len(views[1].dns.keys)


def test_answers_count_in_the_window_of_their_query() -> None:
    script = Script()
    script.dns(9.9, 1, 53, 4000, 7, "a")
    script.dns(10.1, 1, 53, 4000, 7, "a", answer=True)
    _, views = play(script)
    assert counts(views[0])["answered"] == 1
    assert views[1].number == 1
    assert not len(views[1].dns.keys)


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ([1.0], [6.0], {"attempts": 1, "answered": 1}),
        ([1.0], [6.1], {"attempts": 1, "late": 1}),
        ([1.0], [31.0], {"attempts": 1, "late": 1}),
        ([1.0], [31.1], {"attempts": 1, "unanswered": 1, "orphans": 1}),
        ([1.0], [], {"attempts": 1, "unanswered": 1}),
        ([], [1.0], {"orphans": 1}),
        ([1.0], [1.1, 1.2], {"attempts": 1, "answered": 1, "orphans": 1}),
        # a retry with the same id is an attempt of its own; answers go to the oldest that waits
        ([1.0, 2.0], [2.1], {"attempts": 2, "answered": 1, "unanswered": 1}),
        ([1.0, 2.0], [2.1, 2.2], {"attempts": 2, "answered": 2}),
        # the retry of glibc, after exactly its time-out: the answer is the retry's
        ([1.0, 6.01], [6.05], {"attempts": 2, "answered": 1, "unanswered": 1}),
        # … and the first attempt's own answer, if it still comes, is late
        ([1.0, 6.01], [6.05, 6.06], {"attempts": 2, "answered": 1, "late": 1}),
        # out of order: captured after its answer is no query answered
        ([1.0], [0.9999], {"attempts": 1, "unanswered": 1, "orphans": 1}),
    ],
)
def test_attempts_with_one_key(asked: list[float], answered: list[float], expected: dict[str, int]) -> None:
    script = Script()
    for ts, answer in sorted([(ts, False) for ts in asked] + [(ts, True) for ts in answered]):
        script.dns(ts, 1, 53, 4000, 7, "a", answer=answer)
    windows, _ = play(script)
    assert totals(windows) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"client": 2},
        {"server": 54},
        {"port": 4001},
        {"ident": 8},
        {"name": "b"},
        {"qtype": 2},
        {"protocol": headers.TCP},
    ],
)
def test_an_answer_must_fit_in_every_part_of_the_key(change: dict[str, Any]) -> None:
    what: dict[str, Any] = {"client": 1, "server": 53, "port": 4000, "ident": 7, "name": "a"}
    script = Script()
    script.dns(1.0, *what.values())
    more = {name: value for name, value in change.items() if name not in what}
    script.dns(
        1.1, *(what | {name: value for name, value in change.items() if name in what}).values(), answer=True, **more
    )
    windows, _ = play(script)
    assert totals(windows) == {"attempts": 1, "unanswered": 1, "orphans": 1}


def test_an_answer_without_a_question_goes_to_the_last_query_of_its_ports_and_id() -> None:
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "a")
    empty = {"present": headers.PORTS | headers.DNS, "dns_qhash": 0, "dns_qtype": 0}
    script.dns(1.1, 1, 53, 4000, 8, "", answer=True, rcode=1, **empty)  # another id
    script.dns(1.2, 1, 53, 4000, 7, "", answer=True, rcode=1, **empty)
    windows, views = play(script)
    assert totals(windows) == {"attempts": 1, "answered": 1, "orphans": 1}
    assert counts(views[0])["other_rcode"] == 1


def test_what_is_not_an_attempt() -> None:
    script = Script()
    tcp = {"protocol": headers.TCP}
    script.dns(1.0, 1, 53, 4000, 7, "a", **tcp)
    script.dns(1.5, 1, 53, 4000, 7, "a", events=n.RETRANSMISSION | n.DATA, **tcp)
    script.dns(1.6, 1, 53, 4000, 7, "a", answer=True, **tcp)
    script.dns(1.9, 1, 53, 4000, 7, "a", answer=True, events=n.RETRANSMISSION | n.FROM_RESPONDER, **tcp)
    script.dns(2.0, 1, 53, 4001, 7, "a", present=headers.PORTS | headers.MDNS | headers.QUESTION)
    script.dns(2.1, 1, 53, 4002, 7, "a", dport=5300)
    windows, views = play(script)
    assert totals(windows) == {"attempts": 1, "answered": 1}
    assert counts(views[0])["tcp_answered"] == 1


def test_the_end_of_the_capture_judges_nobody() -> None:
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "a")
    script.dns(5.5, 1, 53, 4001, 7, "b")
    windows, views = play(script, until=10.0)
    assert totals(windows) == {"attempts": 2, "unanswered": 1, "pending": 1}
    assert counts(views[0])["pending"] == 1
    assert views[0].dns.unanswered.tolist() == [1]
    assert [[name.name for name in row] for row in views[0].dns.names] == [["a"]]
    assert all(view.capture.final for view in views)


def test_who_goes_unanswered_and_since_when() -> None:
    script = Script()
    for k, name in enumerate(["b", "a", "b", "c", "c", "b", "d", "e", "f"]):
        script.dns(1.0 + k / 100, 1, 53, 4000 + k, 7, name)
    script.dns(0.5, 1, 54, 3999, 7, "x")
    script.dns(0.6, 1, 54, 3999, 7, "x", answer=True)
    _, views = play(script)
    assert views[0].dns.since.tolist() == [1_000_000_000, NEVER]
    assert [(name.name, name.unanswered) for name in views[0].dns.names[0]][:2] == [("b", 3), ("c", 2)]
    assert len(views[0].dns.names[0]) == 5
    assert views[0].dns.names[1] == []


def test_icmp_errors_about_queries() -> None:
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "a")
    row = script.lines[0][0]
    quoted = {f"quoted_{name}": row[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport")}
    script.packet(
        1.1, 53, 1, protocol=1, present=headers.QUOTED, quoted_protocol=17, slot=0, events=n.UNREACHABLE, **quoted
    )
    _, views = play(script)
    assert counts(views[0]) == {"attempts": 1, "new_attempts": 1, "unreachable": 1}


def test_bounds_are_kept_and_told() -> None:
    script = Script()
    for k in range(100):
        script.dns(1.0 + k / 1000, 1 + k % 40, 53, 4000, k, f"name{k}")
    config = WindowSettings(max_services=256, max_dns_pairs=16, max_names=16, max_pending=50)
    windows, views = play(script, config)
    assert totals(windows) == {"attempts": 50, "unanswered": 50, "untracked": 50}
    assert views[0].capture.untracked_dns == 50
    assert len(views[0].dns.keys) == 16  # 15 pairs and the others
    assert counts(views[0])["attempts"] == 50 - 2 * 10 - 5  # row 0: whose client came too late
    assert {name.name for row in views[0].dns.names for name in row} >= {"(not kept)"}
    # what was unanswered is forgotten after half a minute, and there is room again
    again = Script()
    again.dns(200.0, 1, 53, 4000, 1, "later")
    again.dns(200.1, 1, 53, 4000, 1, "later", answer=True)
    rows, names, notes = again.arrays()
    assert windows.observe(rows, names, notes) == 2
    assert windows.dns_totals["answered"] == 1


def test_a_flood_of_one_question_takes_linear_time() -> None:
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "a")
    rows, names, notes = script.arrays()
    rows, notes = np.repeat(rows, 200_000), np.repeat(notes, 200_000)
    answers = rows.copy()
    answers["dns_flags"] = 0x8000
    for end, other in (("src", "dst"), ("dst", "src")):
        for half in ("hi", "lo"):
            answers[f"{end}_{half}"] = rows[f"{other}_{half}"]
    answers["sport"], answers["dport"] = rows["dport"], rows["sport"]
    windows = Windows()
    windows.observe(np.concatenate([rows, answers]), names, np.concatenate([notes, notes]))
    assert totals(windows) == {"attempts": 200_000, "answered": 200_000}


def test_latency_buckets_are_an_eighth_of_an_octave() -> None:
    for value in [*range(3000), *(7**k for k in range(9)), 30_000_000]:
        low, high = bucket_bounds(bucket_of(value))
        assert low <= value <= high
        assert high - low <= max(low // 8, 0)
    assert bucket_of(-5) == 0
    assert bucket_of(1 << 40) == LATENCY_BUCKETS - 1
