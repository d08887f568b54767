from __future__ import annotations

from producers.files.report import FileReport


def test_counts_add_up_and_times_widen() -> None:
    report = FileReport("x")
    report.count(0, 0, 5, 5)
    assert (report.packets, report.first_ts, report.last_ts) == (0, None, None)
    report.count(2, 120, 50, 70)
    report.count(1, 60, 40, 60)
    assert (report.packets, report.bytes, report.first_ts, report.last_ts) == (3, 180, 40, 70)


def test_the_first_error_stays() -> None:
    report = FileReport("x")
    report.fail("the cause", 7)
    report.fail("what came of it")
    assert (report.error, report.error_offset) == ("the cause", 7)
