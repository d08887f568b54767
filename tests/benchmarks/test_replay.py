"""What is made of the seconds that replays took."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.replay import least, length, measured, repeated
from wireverdict.headers import HEADER, HeaderBatch


def test_what_starting_takes_is_left_out() -> None:
    whole = least([{"seconds": 5.0, "cpu_s": 7.0}, {"seconds": 6.0, "cpu_s": 6.0}])
    assert whole == {"seconds": 5.0, "cpu_s": 6.0}
    told = measured(11_000_000, whole, {"seconds": 1.0, "cpu_s": 2.0}, 1_000_000)
    assert told["cpu_s_per_million"] == pytest.approx(0.4)
    assert told["million_headers_per_s"] == pytest.approx(2.5)
    assert told["hour_in_s"] == pytest.approx(144.0)
    assert told["hour_in_s_on_two_idle_cores"] == pytest.approx(72.0)
    assert told["times_real_time"] == pytest.approx(50.0)
    assert measured(2_000_000, whole)["cpu_s_per_million"] == pytest.approx(3.0)


def test_rounds_follow_each_other() -> None:
    rows = np.zeros(3, HEADER)
    rows["ts"] = [5_000, 7_000, 9_000]
    batches = [HeaderBatch(rows[:2], np.zeros(0, np.uint8)), HeaderBatch(rows[2:], np.zeros(0, np.uint8))]
    times = [int(time) for batch in repeated(batches, 0, 3) for time in batch.rows["ts"]]
    assert times == sorted(times)
    assert times[:3] == [5_000, 7_000, 9_000]
    assert [time - length(batches) for time in times[3:]] == times[:6]
    assert [int(batch.rows["ts"][0]) for batch in repeated(batches, 2, 3)] == [times[6], times[8]]
