"""Measuring processes: what is reported is about the process that ran."""

from __future__ import annotations

import sys

import pytest

from benchmarks.processes import Series, alternate, core, measure, missing


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_memory_and_time_are_the_process_s() -> None:
    small = measure(python("import time; time.sleep(0.2)"))
    large = measure(
        python(
            "import time; block = bytearray(200_000_000); block[::4096] = b'1' * len(block[::4096]); time.sleep(0.2)"
        )
    )
    assert 150_000_000 < large.anonymous - small.anonymous < 260_000_000
    assert large.resident >= large.anonymous
    assert small.wall >= 0.2 > small.cpu


def test_it_runs_on_one_core() -> None:
    run = measure(python(f"import os, sys; sys.exit(os.sched_getaffinity(0) != {{{core()}}})"))
    assert run.status == 0


def test_a_failure_is_told() -> None:
    series = [Series("bad", python("import sys; sys.exit('out of cheese')"))]
    with pytest.raises(RuntimeError, match=r"bad: exit status 1: out of cheese"):
        alternate(series, 1)


def test_medians_of_alternating_runs() -> None:
    series = [Series("one", python("pass")), Series("two", python("raise SystemExit(3)"), (3,))]
    alternate(series, 3)
    assert [len(one.runs) for one in series] == [3, 3]
    for one in series:
        assert min(run.wall for run in one.runs) <= one.wall <= max(run.wall for run in one.runs)


def test_missing_programs() -> None:
    assert missing("sh", "no-such-program-here") == ["no-such-program-here"]
