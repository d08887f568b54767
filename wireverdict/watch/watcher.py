"""The watcher: a pipeline, what has come out of it so far, and pictures of both."""

from __future__ import annotations

import numpy as np

from wireverdict.frames import FrameBatch
from wireverdict.output.fields import FLAGS
from wireverdict.output.panels import Incident
from wireverdict.pipeline import Pipeline
from wireverdict.verdicts import Status, Verdict
from wireverdict.watch import pairs, resolvers
from wireverdict.watch.filters import Filter
from wireverdict.watch.flows import Ended, open_connections
from wireverdict.watch.peek import Recent, recent
from wireverdict.watch.picture import Losses, Picture
from wireverdict.watch.rates import Rates

MOST = 500
"""Rows of each table that a picture holds."""
HISTORY = 200
"""Seconds of packet rate in a picture."""
INCIDENTS = 1_000
"""Troubles that are remembered; of more, those that are over go first."""


class Watcher:
    """Feed it frames; ask for a picture now and then. Nothing is done per packet that the pipeline does not do."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.rates = Rates()
        self.ended = Ended(MOST)
        self.over = False
        self.fired = 0
        self._dropped, self._counted = 0, 0  # packets so far, and the time (ns) when that was told
        self._incidents: dict[str, Incident] = {}
        self._told: list[Verdict] = []
        self._recent: Recent | None = None

    def feed(self, batch: FrameBatch) -> None:
        """Take up some frames."""
        self.rates.add(batch.frames["ts"], batch.frames["length"])
        self.pipeline.feed(batch)
        self._take()

    def advance(self, now: int) -> None:
        """All packets until `now` (ns) have been given: what is due by then is done, although no packet came."""
        if self.rates.packets:
            self.rates.until(now)
            self.pipeline.advance(now)
            self._take()

    def dropped(self, total: int) -> None:
        """So many packets were dropped since the start: verdicts about the time since the last call take it into account."""
        if total > self._dropped and self.rates.packets:
            self.pipeline.lose(total - self._dropped, self._counted or self.rates.first, self.rates.last)
            self._dropped = total
        self._counted = self.rates.last

    def finish(self) -> None:
        """The input is over. Tables of recent traffic stay as they were."""
        self._recent = recent(self.pipeline.shard.windows)
        self.pipeline.finish(self._take)
        self._take()
        self.over = True

    def verdicts(self) -> list[Verdict]:
        """Steps of verdicts since this was asked last, in order."""
        told, self._told = self._told, []
        return told

    def picture(self, chosen: Filter | None = None, losses: Losses | None = None) -> Picture:
        """How things stand, of what matches."""
        here = self._recent or recent(self.pipeline.shard.windows)
        connections, many = open_connections(self.pipeline.shard.tracker, MOST, chosen)
        packets, bits = self.rates.rate
        raised = [(name, int(count)) for name, count in zip(FLAGS, self.ended.raised, strict=True) if count]
        return Picture(
            now=self.rates.last,
            first=self.rates.first,
            packets=self.rates.packets,
            octets=self.rates.octets,
            packet_rate=packets,
            bit_rate=bits,
            history=self.rates.history(HISTORY),
            since=here.since,
            until=here.until,
            pairs=pairs.busiest(here, MOST, chosen),
            resolvers=resolvers.busiest(here, MOST, chosen),
            incidents=sorted(self._incidents.values(), key=Incident.urgency),
            connections=np.concatenate([connections, self.ended.records]),
            open=many,
            ended=self.ended.total,
            raised=raised,
            totals=self.pipeline.counters,
            windows=self.pipeline.windows,
            losses=losses or Losses(),
            over=self.over,
        )

    def _take(self) -> None:
        for item in self.pipeline.take():
            if not isinstance(item, Verdict):
                self.ended.add(item)
                continue
            self._told.append(item)
            self.fired += item.status is Status.FIRING
            known = self._incidents.get(item.incident)
            # Pictures hold incidents: one that was given away is not changed any more.
            fresh = Incident(item)
            if known is not None:
                fresh.worst = known.worst
                fresh.add(item)
            self._incidents[item.incident] = fresh
        if len(self._incidents) > INCIDENTS:
            over = [name for name, incident in self._incidents.items() if incident.over]
            for name in over[: len(self._incidents) - INCIDENTS]:
                del self._incidents[name]
