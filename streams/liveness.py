"""Notices a worker that no longer does anything though there is something to do, and ends it.

Faust has been seen to stall after a broker was away without dying. So a thread of its own asks the brokers, over a
connection of its own, how far each held partition goes, and compares that with what has been applied.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition


class Progress:
    """Pure: decides from what it is told, at times that it is told."""

    def __init__(self, stall: float, now: float) -> None:
        """`stall`: s. `now`: s of any clock that only goes forward."""
        self.stall = stall
        self._moved = now
        self._last: Any = None

    def look(self, now: float, done: Any, waiting: bool | None) -> bool:
        """Whether all is well. `done`: changes with every step forward. `waiting`: whether there is something to do;
        None if nobody can tell, which excuses nothing and accuses of nothing."""
        if done != self._last or waiting is False:
            self._last, self._moved = done, now
        if waiting is None:
            self._moved = max(self._moved, now - self.stall / 2)
        return now - self._moved <= self.stall


class Watchdog(threading.Thread):
    """Looks every few seconds; calls `die` with a sentence when nothing has moved for `stall` s."""

    def __init__(
        self,
        options: Mapping[str, Any],
        stall: float,
        *,
        applied: Callable[[], Mapping[tuple[str, int], int]],
        beat: Callable[[], float],
        joining: Callable[[], bool],
        die: Callable[[str], None],
        nudge: Callable[[list[tuple[str, int]]], None] = lambda places: None,
    ) -> None:
        """`applied`: offset by (topic, partition) held. `beat`: when the event loop last ran (monotonic). `joining`:
        whether a rebalance goes on, in which nothing can move. `nudge`: hears of partitions from which nothing has come
        between two looks though there was something."""
        super().__init__(name="watchdog", daemon=True)
        self.lags: dict[tuple[str, int], int] = {}
        self._options, self._stall = dict(options), stall
        self._die, self._nudge = die, nudge
        self._applied, self._beat, self._joining = applied, beat, joining
        self._over = threading.Event()

    def stop(self) -> None:
        """No more looks."""
        self._over.set()

    def run(self) -> None:
        """Until it is stopped."""
        client = Consumer(self._options | {"group.id": "none", "enable.auto.commit": False})
        progress = Progress(self._stall, time.monotonic())
        every = min(5.0, self._stall / 6)
        before: dict[tuple[str, int], int] = {}
        while not self._over.wait(every):
            held = dict(self._applied())
            lags = self._measure(client, held)
            if lags is not None:
                self.lags = lags
            joining = self._joining()
            stuck = [place for place, lag in (lags or {}).items() if lag > 0 and before.get(place) == held[place]]
            if stuck and not joining:
                self._nudge(stuck)
            before = held
            waiting = None if lags is None else joining or any(lag > 0 for lag in lags.values())
            late = time.monotonic() - self._beat() > self._stall
            if late or not progress.look(time.monotonic(), (held, joining), waiting):
                behind = sum((lags or {}).values())
                what = "the event loop hangs" if late else "joining the group" if joining else f"{behind} messages wait"
                self._die(f"nothing has moved for {self._stall:.0f} s: {what}")
                return

    def _measure(self, client: Consumer, held: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int] | None:
        """Messages after the last applied one; None if the brokers do not answer."""
        lags = {}
        for (topic, partition), offset in held.items():
            try:
                low, high = client.get_watermark_offsets(TopicPartition(topic, partition), 5.0, cached=False)
            except KafkaException:
                return None
            lags[topic, partition] = high - max(offset + 1, low)
        return lags
