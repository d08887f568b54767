"""The document that ends a run."""

from __future__ import annotations

import json
from typing import Any

import wireverdict
from producers.files.report import FileReport
from wireverdict.output.summary import summary

COUNTERS: dict[str, Any] = {
    "packets": 10,
    "connections": {"tcp": 1, "udp": 2, "icmp": 3},
    "dns": {"attempts": 5, "answered": 1, "late": 1, "unanswered": 3, "orphans": 2},
    "skipped": {"not_ip": 4, "cut": 1},
    "flaws": {},
    "bounds": {},
}


def test_what_was_read_and_what_came_of_it() -> None:
    good = FileReport("a.pcap", "pcap", packets=7, bytes=700, first_ts=2_000_000_000, last_ts=5_000_000_000)
    good.skipped["cut"] = 2
    bad = FileReport("b.pcap")
    bad.fail("cut short", 24)
    made = summary(COUNTERS, [good, bad], {"firing": 2}, interrupted=True, filtered_out=6)
    assert json.loads(json.dumps(made)) == made
    assert made == {
        "@timestamp": "1970-01-01T00:00:05Z",
        "event": {
            "kind": "event",
            "category": "network",
            "dataset": "wireverdict.summary",
            "start": "1970-01-01T00:00:02Z",
            "end": "1970-01-01T00:00:05Z",
            "duration": 3_000_000_000,
        },
        "wireverdict": {
            "version": wireverdict.__version__,
            "interrupted": True,
            "packets": 10,
            "connections": {"tcp": 1, "udp": 2, "icmp": 3},
            "dns": {"attempts": 5, "answered": 1, "late": 1, "unanswered": 3, "orphans": 2},
            "flaws": {},
            "bounds": {},
            "verdicts": {"firing": 2, "resolved": 0},
            "skipped": {"cut": 3, "filtered_out": 6, "not_ip": 4},
            "files": [
                {
                    "path": "a.pcap",
                    "format": "pcap",
                    "packets": 7,
                    "bytes": 700,
                    "start": "1970-01-01T00:00:02Z",
                    "end": "1970-01-01T00:00:05Z",
                },
                {
                    "path": "b.pcap",
                    "format": None,
                    "packets": 0,
                    "bytes": 0,
                    "start": None,
                    "end": None,
                    "error": "cut short",
                    "error_offset": 24,
                },
            ],
        },
    }


def test_without_packets_there_is_no_time() -> None:
    made = summary(COUNTERS, [FileReport("empty")], {})
    assert "@timestamp" not in made
    assert "start" not in made["event"]
    assert made["wireverdict"]["skipped"] == {"cut": 1, "not_ip": 4}
    assert COUNTERS["skipped"] == {"not_ip": 4, "cut": 1}
