"""DNS transactions as transcripts: what was asked and answered when, and what each window says of it."""

from __future__ import annotations

import numpy as np

from tests.windows.made import Script, whole
from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.windows.fields import NEVER, Dns, bucket_bounds
from wireverdict.windows.merge import Merge
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
    merge = Merge(1)
    while start < len(rows):
        start = windows.observe(rows, names, notes, start)
        views += whole(merge, windows.close())
    return windows, [*views, *whole(merge, windows.finish())]


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


def test_icmp_errors_about_queries() -> None:
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "a")
    row = script.lines[0][0]
    quoted = {f"quoted_{name}": row[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport")}
    script.packet(
        1.1, 53, 1, protocol=1, present=headers.QUOTED, quoted_protocol=17, missed=0, events=n.UNREACHABLE, **quoted
    )
    _, views = play(script)
    assert counts(views[0]) == {"attempts": 1, "new_attempts": 1, "unreachable": 1}
