"""The page for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.text import Text

from producers.files.report import FileReport
from tests.output.connection_rows import MAPPED
from tests.output.verdict_makers import SECOND, START, make_verdict
from wireverdict.output.people import SCREEN, People, lines, page_width, render
from wireverdict.output.stream import Stream
from wireverdict.output.summary import summary
from wireverdict.records import CONNECTION, Flag, State
from wireverdict.verdicts import Severity, Status, Subject


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def told(**changes: Any) -> dict[str, Any]:
    counters: dict[str, Any] = {
        "packets": 16_990,
        "connections": {"tcp": 212, "udp": 8_049, "icmp": 5},
        "dns": {"attempts": 8_105, "answered": 3_323, "late": 7, "unanswered": 4_775, "orphans": 0},
        "skipped": {"arp": 2},
        "flaws": {},
        "bounds": {},
    }
    report = FileReport(
        "/captures/outage.pcap", "pcap", packets=16_990, bytes=1, first_ts=START, last_ts=START + 100 * SECOND
    )
    return summary(counters | changes, [report], {})


def connections(count: int, first_bytes: int = 1_000) -> np.ndarray:
    rows = np.zeros(count, CONNECTION)
    rows["src_lo"], rows["dst_lo"] = MAPPED | 0xC0000201, MAPPED | 0xC6336407
    rows["sport"], rows["dport"], rows["protocol"], rows["state"], rows["final"] = 40_000, 443, 6, State.SF, 1
    rows["source"]["bytes"] = first_bytes + np.arange(count)
    rows["source"]["packets"] = 3
    return rows


def page(tmp_path: Path, *steps: Any, summary: dict[str, Any] | None = None, **options: bool) -> list[str]:
    path = tmp_path / "page"
    people = People(Stream.create(path), **options)
    for step in steps:
        if isinstance(step, np.ndarray):
            people.connections(step)
        else:
            people.verdict(step)
    people.finish(summary or told())
    return path.read_text().splitlines()


def test_a_quiet_capture(tmp_path: Path) -> None:
    assert page(tmp_path) == [
        "outage.pcap: 16,990 packets in 1 min 40 s from 2026-11-23 07:01:48 UTC",
        "8,266 connections: 212 tcp, 8,049 udp, 5 icmp",
        "DNS: 8,105 queries, 41 % answered, 4,775 not",
        "Left out: 2 arp",
        "",
        "Nothing found.",
    ]


def test_nothing_to_judge_by_is_not_nothing_found(tmp_path: Path) -> None:
    nothing = told(packets=4, connections={"tcp": 0, "udp": 0, "icmp": 0}, skipped={"link_type_9999": 4})
    assert page(tmp_path, summary=nothing)[-1] == "Nothing was there to judge by."


def test_nothing_is_found_only_in_what_could_be_read(tmp_path: Path) -> None:
    half = told()
    half["wireverdict"]["files"].append({"path": "\x1b[31mred.pcap", "error": "cut short"})
    assert page(tmp_path, summary=half)[-1] == (
        "Nothing found in what could be read: 1 file could not, wholly or in part."
    )
    half["wireverdict"]["files"] = half["wireverdict"]["files"][1:]
    assert page(tmp_path, summary=half)[0].startswith("\\x1b[31mred.pcap: 16,990 packets")


def test_a_verdict_says_what_who_since_when_how_sure_why_and_what_next(tmp_path: Path) -> None:
    text = "\n".join(page(tmp_path, make_verdict(4)))
    for words in (
        "CRITICAL  DNS answers are lost",
        "dns-loss",
        "198.18.0.2 to 198.19.4.4 port 53 (udp)",
        "2026-11-23 07:01:52 UTC, for 40 s, no end seen",
        "97 %",
        "attempts 1,234 · answered 72 · unanswered 94 %",
        "check next",
        "conntrack -S",
    ):
        assert words in text
    assert "Nothing found" not in text
    assert "and 1 more" not in text


def test_a_page_is_a_screen_however_much_there_is(tmp_path: Path) -> None:
    lines = page(tmp_path, connections(100), *(make_verdict(number) for number in range(60)))
    assert len(lines) <= SCREEN
    shown = sum("DNS answers are lost" in line for line in lines)
    boxes = sum(line.startswith("╭") for line in lines)
    assert boxes >= 2
    assert shown - boxes >= 4
    assert lines[-1] == f"and {60 - shown} more; --json lists them all"


def test_what_has_no_box_has_a_line(tmp_path: Path) -> None:
    lines = page(tmp_path, connections(100), *(make_verdict(number) for number in range(4)))
    boxes = sum(line.startswith("╭") for line in lines)
    assert lines[boxes - 4 :] == [
        f"CRITICAL  DNS answers are lost: 198.18.0.2 to 198.19.{number}.4 port 53 (udp)" for number in range(boxes, 4)
    ]
    assert len(lines) <= SCREEN


def test_no_line_is_wider_than_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = connections(3)
    rows["src_hi"] = rows["dst_hi"] = 2**64 - 1
    long = make_verdict(1, subject=Subject("2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8::1", 53, protocol="udp"))
    for columns in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert page_width() == min(columns, 100)
        lines = page(tmp_path, rows, long, make_verdict(2, remedy="word " * 60))
        assert max(map(len, lines)) <= min(columns, 100)


def test_one_trouble_is_one_panel_and_the_worst_comes_first(tmp_path: Path) -> None:
    over = make_verdict(1, status=Status.RESOLVED, step="resolved")
    warning = make_verdict(2, severity=Severity.WARNING)
    lines = page(tmp_path, make_verdict(1), warning, over, make_verdict(3))
    titles = [line for line in lines if "DNS answers are lost" in line]
    assert [title.split()[1] for title in titles] == ["CRITICAL", "WARNING", "CRITICAL,"]
    assert "for 40 s, now over" in "\n".join(lines)


def test_the_busiest_connections_over_all_pieces(tmp_path: Path) -> None:
    pieces = [connections(50, 1_000), connections(50, 5_000_000), connections(3, 2_000)]
    pieces[0]["flags_true"][:7] = 1 << Flag.ONE_SIDED
    pieces[2]["final"][0] = 0
    pieces[2]["source"]["bytes"][0] = 10**12  # reported while open: its record will come
    lines = page(tmp_path, *pieces)
    at = next(number for number, line in enumerate(lines) if line.startswith("busiest connections"))
    assert lines[at + 1] == ("192.0.2.1 > 198.51.100.7:443 tcp    SF             3  5.0 MB        0 µs")
    assert [line.startswith("192.0.2.1") for line in lines[at + 1 : at + 7]] == [True] * 5 + [False]
    assert "Flags raised: one sided 7" in lines


def test_long_cells_keep_apart(tmp_path: Path) -> None:
    rows = connections(1, 99_900_000)
    rows["last_ts"] = rows["first_ts"] + (18 * 60 + 11) * 10**9
    rows["source"]["packets"] = 9_999_000
    lines = page(tmp_path, rows)
    at = next(number for number, line in enumerate(lines) if line.startswith("busiest connections"))
    cells = ["198.51.100.7:443", "tcp", "SF", "9,999,000", "100", "MB", "18", "min", "11", "s"]
    assert lines[at + 1].split()[2:] == cells


def test_a_list_has_a_heading_and_no_table(tmp_path: Path) -> None:
    lines = page(tmp_path, connections(2), connections(1), list_connections=True)
    assert lines[0].startswith("start (UTC)")
    assert [line.endswith("192.0.2.1:40000 > 198.51.100.7:443 tcp") for line in lines[1:5]] == [True] * 3 + [False]
    assert lines[4] == ""
    assert not any("busiest" in line for line in lines)


def test_a_followed_capture_tells_each_step_at_once(tmp_path: Path) -> None:
    path = tmp_path / "page"
    people = People(Stream.create(path), live=True)
    people.verdict(make_verdict(1))
    assert "CRITICAL" in path.read_text()
    people.verdict(make_verdict(1, status=Status.RESOLVED, step="resolved"))
    people.finish(told())
    text = path.read_text()
    assert text.count("CRITICAL  ") == text.count("CRITICAL, over  ") == 1


def test_what_is_said_of_several_files_a_stop_and_what_was_left_out(tmp_path: Path) -> None:
    made = told(skipped={"a_reason": 1, "b": 5, "c": 3, "d": 2, "none": 0})
    made["wireverdict"]["files"] *= 3
    made["wireverdict"]["interrupted"] = True
    lines = page(tmp_path, summary=made)
    assert lines[0].startswith("3 files: 16,990 packets")
    assert "Stopped before the end of the input." in lines
    assert "Left out: 5 b, 3 c, 2 d and 1 for other reasons" in lines


def test_few_and_none(tmp_path: Path) -> None:
    made = told(
        packets=1,
        connections={"tcp": 0, "udp": 1, "icmp": 0},
        dns={"attempts": 1, "answered": 1, "unanswered": 0},
        skipped={},
    )
    made["wireverdict"]["files"][0]["path"] = "a-rather-long-name-for-a-capture-file.pcap.zst"
    assert page(tmp_path, summary=made) == [
        "a-rather-long-name-for-a-capture-file.pcap.zst: 1 packet",
        "1 min 40 s from 2026-11-23 07:01:48 UTC",
        "1 connection: 1 udp",
        "DNS: 1 query, none unanswered",
        "",
        "Nothing found.",
    ]


def test_plain_text_without_a_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in "\n".join(page(tmp_path, make_verdict(1)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.text(st.sampled_from("a-·µ…  "), max_size=200),
            st.lists(st.text(st.characters(max_codepoint=0x3000), max_size=90)).map(" ".join),
            st.lists(st.sampled_from(["one-sided", "·", "12 µs", "x" * 79, "y" * 80, "z" * 81, "中"])).map(" ".join),
        ),
        min_size=1,
    )
)
def test_lines_are_broken_as_rich_breaks_them(texts: list[str]) -> None:
    assert lines([(text, "") for text in texts]) == render([Text(text) for text in texts])
