"""Watchers over real captures, stopped where there is something to see."""

from __future__ import annotations

from pathlib import Path

from producers.timeline import open_timeline
from tests.headers import DEMO, SETTINGS
from wireverdict.compose import pipeline
from wireverdict.watch.watcher import Watcher


def watcher(path: Path = DEMO, packets: int = 10**9, size: int = 1024) -> Watcher:
    """After the first `packets` packets, in whole batches; at the end of the capture it has not been told so."""
    made = Watcher(pipeline(SETTINGS))
    for batch in open_timeline([str(path)], batch=size):
        if made.rates.packets + len(batch.frames) > packets:
            break
        made.feed(batch)
    return made


OUTAGE = 9_216
"""Packets of DEMO until the outage is at its worst."""
