"""Verdicts from the lab's captures, as `wireverdict analyze --json` prints them: one for each detector."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from producers.timeline import open_timeline
from tests.lab.judge import analyse
from tests.lab.scenario import CAPTURES
from wireverdict.compose import pipeline
from wireverdict.frames import FrameBatch
from wireverdict.settings import settings
from wireverdict.verdicts import Verdict

FROM = {
    "dns-loss": "dns-throttled.client",
    "throttling-ratio": "thinned-acks.client",
    "new-flow-loss": "flow-table-full.client",
    "policing": "policed-up-small-burst.client",
    "bufferbloat": "bufferbloat-up.client",
    "retransmission-storm": "heavy-loss.server",
    "zero-window": "zero-window-client.client",
}
"""Capture in which each detector fires; `capture-loss` needs one with gaps, see `with_gaps`."""


@cache
def documents(name: str) -> list[dict[str, Any]]:
    """All verdicts of a lab capture, as JSON values."""
    return [verdict.to_json() for verdict in analyse(CAPTURES / f"{name}.pcap.xz").verdicts]


@cache
def with_gaps(name: str) -> list[dict[str, Any]]:
    """All verdicts of a lab capture of which every tenth frame was lost by the capture."""
    made, said = pipeline(settings()), []
    for batch in open_timeline([str(CAPTURES / f"{name}.pcap.xz")]):
        made.feed(FrameBatch(batch.data, batch.frames[np.arange(len(batch.frames)) % 10 != 3]))
    made.finish()
    said += [item.to_json() for item in made.take() if isinstance(item, Verdict)]
    return said


def fired(rule: str) -> dict[str, Any]:
    """A firing verdict of a detector."""
    found = with_gaps("busy-mix.client") if rule == "capture-loss" else documents(FROM[rule])
    return next(d for d in found if d["rule"]["id"] == rule and d["wireverdict"]["status"] == "firing")
