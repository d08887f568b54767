"""Whose time is whose, and that every part is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.stages import PARTS, Stopwatch, instrumented, stages
from wireverdict.decode.decoder import Decoder

DEMO = Path(__file__).parents[2] / "demo" / "dns-outage.pcap.gz"


def test_time_of_inner_calls_is_theirs_alone() -> None:
    now = [0]
    watch = Stopwatch(lambda: now[0])

    def work(took: int) -> int:
        now[0] += took
        return took

    inner = watch.timed("inner", work)

    def outer() -> int:
        now[0] += 1
        return int(inner(10)) + int(inner(20))

    assert watch.timed("outer", outer)() == 30
    assert watch.times == {"inner": 30, "outer": 1}


def test_an_iterator_is_run_to_its_end_while_it_is_timed() -> None:
    now = [0]
    watch = Stopwatch(lambda: now[0])

    def numbers() -> object:
        for number in range(3):
            now[0] += 5
            yield number

    found = watch.timed("numbers", numbers)()
    assert watch.times == {"numbers": 15}
    assert list(found) == [0, 1, 2]


def test_a_call_that_fails_is_timed_too() -> None:
    watch = Stopwatch(lambda: 7)
    with pytest.raises(ZeroDivisionError):
        watch.timed("broken", lambda: 1 // 0)()
    assert watch.times == {"broken": 0}


def test_methods_are_put_back() -> None:
    before = Decoder.decode
    with instrumented(Stopwatch()):
        assert Decoder.decode is not before
    assert Decoder.decode is before


@pytest.mark.parametrize("json", [False, True])
def test_the_table_names_every_part(json: bool) -> None:
    table = stages(str(DEMO), json=json)
    assert "all of 16,990 packets" in table
    listed = {line[:32].strip() for line in table.splitlines()}
    wanted = {label for _, _, label in PARTS} | {
        "reading",
        "detector dns-loss",
        "detector zero-window",
        "everything else",
    }
    assert wanted <= listed
