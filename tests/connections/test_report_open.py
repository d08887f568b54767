"""Reports of connections that are still open, as a pipeline gives them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.connections import made
from tests.connections.packets import SECOND, START, Row, Talk, table
from wireverdict.compose import pipeline
from wireverdict.connections.tracker import Settings as Tracking
from wireverdict.headers import HeaderBatch
from wireverdict.settings import Settings


def records(rows: list[Row] | NDArray[np.void], cuts: tuple[int, ...] = (), **tracking: Any) -> NDArray[np.void]:
    """All records of a pipeline that gets the rows in batches, in order."""
    headers = rows if isinstance(rows, np.ndarray) else table(rows)
    bounds = {"max_connections": 256, "max_troubled": 256, "max_histograms": 64, **tracking}
    whole = pipeline(Settings(tracking=Tracking(**bounds)))
    for start, stop in itertools.pairwise(sorted({0, len(headers), *cuts})):
        whole.feed_headers(HeaderBatch(headers[start:stop].copy(), np.zeros(0, np.uint8)))
    whole.finish()
    return whole.take_connections()


def long_talk(seconds: int, step: int = 5) -> list[Row]:
    """A segment every `step` seconds, from START's next full ten seconds on."""
    begin = -START % (10 * SECOND) / 1e6
    talk = Talk().handshake(begin, rtt=0)
    for second in range(step, seconds, step):
        talk.c(begin + 1_000 * second, "P.", 10)
    return talk.rows


def test_none_unless_asked_for() -> None:
    assert records(long_talk(200))["final"].tolist() == [1]


def test_a_report_each_time_that_the_connection_grows_older_by_the_interval() -> None:
    found = records(long_talk(200), report_open=60)
    assert found["final"].tolist() == [0, 0, 0, 1]
    assert found["source"]["payload_bytes"].tolist() == [110, 230, 350, 390]
    assert len(np.unique(found["first_ts"])) == 1


def test_nothing_is_reported_of_a_connection_that_has_ended() -> None:
    ended = Talk(sport=5).handshake(0, rtt=0).c(1, "F.").s(2, "F.").c(3, ".").rows
    found = records([*ended, *long_talk(100)], report_open=30)
    assert found["final"][found["sport"] == 5].tolist() == [1]
    assert np.count_nonzero(found["final"] == 0) == 3


@effort(max_examples=25, deadline=None)
@given(made.traffic(), st.lists(st.integers(1, 60), max_size=5).map(tuple))
def test_reports_do_not_depend_on_batches_nor_change_what_is_final(
    rows: NDArray[np.void], cuts: tuple[int, ...]
) -> None:
    asked = records(rows, report_open=20)
    again = records(rows, tuple(cut for cut in cuts if cut < len(rows)), report_open=20)
    assert np.array_equal(asked, again)
    assert np.array_equal(asked[asked["final"] == 1], records(rows))
