"""Settings of the stream worker that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from wireverdict.streaming import StreamSettings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"checkpoint_interval": 0.0}, "more than 0 s"),
        ({"session_timeout": -1.0}, "more than 0 s"),
        ({"stall": 0.0}, "more than 0 s"),
        ({"checkpoint_chunk": 1_000}, "between 1024 and 900000"),
        ({"checkpoint_chunk": 1_000_000}, "between 1024 and 900000"),
        ({"max_bad": 0}, "at least 1"),
        ({"metrics_port": 65_536}, "stream.metrics_port must be a TCP port"),
        ({"max_bad": 11, "bad_window": 10}, "at most stream.bad_window"),
        ({"buffer": 0}, "stream.buffer and stream.threads must be at least 1"),
        ({"threads": 0}, "stream.buffer and stream.threads must be at least 1"),
        ({"max_future": -1.0}, "must not be negative"),
        ({"silence": -1.0}, "must not be negative"),
        ({"locate": -1}, "must not be negative"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StreamSettings(**changes)


def test_the_bounds_themselves_are_allowed() -> None:
    assert StreamSettings(checkpoint_chunk=1_024, max_bad=5, bad_window=5, silence=0.0).max_bad == 5
