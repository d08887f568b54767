"""What a picture says of troubles."""

from __future__ import annotations

from tests.watch.made import OUTAGE, watcher


def test_firing_is_what_is_not_over() -> None:
    made = watcher(packets=OUTAGE)
    during = made.picture()
    assert len(during.firing) == len(during.incidents) == 4
    made = watcher()
    made.finish()
    after = made.picture()
    assert after.firing == []
    assert len(after.incidents) == 4
    assert len(during.firing) == 4  # pictures that were given out do not change
