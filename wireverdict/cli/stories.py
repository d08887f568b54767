"""Reads a backtest's source once more, for the headers behind its most interesting differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from producers.recorded.source import open_source
from wireverdict.backtest import story
from wireverdict.backtest.diff import Difference
from wireverdict.backtest.result import Backtest
from wireverdict.headers import HEADER, QUOTED_ONLY
from wireverdict.settings import Settings


def tell_stories(done: Backtest, inputs: Mapping[str, Sequence[str]], settings: Settings) -> None:
    """Give each comparison its plots. `inputs`: what is read for a place; of others (an archive's sensors) all of it. One
    reading for each place. Raises SourceError."""
    wanted = [difference for comparison in done.comparisons for difference in comparison.told]
    spec = next(iter(inputs.values()))
    plots: dict[int, list[story.Plot]] = {}
    for place in dict.fromkeys(difference.place for difference in wanted):
        mine = [difference for difference in wanted if difference.place == place]
        found = headers(inputs.get(place, spec), place, mine, settings)
        for difference, rows in zip(mine, found, strict=True):
            one = difference.incident
            plots[id(difference)] = story.story(rows, one.rule, one.subject, one.fired)
    for comparison in done.comparisons:
        comparison.plots = [plots[id(difference)] for difference in comparison.told]


def headers(
    spec: Sequence[str], place: str, wanted: Sequence[Difference], settings: Settings
) -> list[NDArray[np.void]]:
    """For each difference of one place the headers of its subject around it: HEADER[n], at most story.HEADERS."""
    spans = [_span(one) for one in wanted]
    subjects = [one.incident.subject for one in wanted]
    ends = {ip for subject in subjects for ip in (subject.source_ip, subject.destination_ip) if ip}
    anybody = any(not (subject.source_ip or subject.destination_ip) for subject in subjects)
    source = open_source(
        list(spec),
        settings,
        begin=min(begin for begin, _ in spans),
        end=max(end for _, end in spans),
        sensors=(place,),
        addresses=() if anybody else sorted(ends),
        sensor=place,
    )
    found: list[list[NDArray[np.void]]] = [[] for _ in wanted]
    room = [story.HEADERS for _ in wanted]
    try:
        for recorded in source:
            rows = recorded.batch.rows
            for number, (begin, end) in enumerate(spans):
                if len(rows) and room[number] and recorded.clock[-1] >= begin and recorded.clock[0] < end:
                    inside = (rows["ts"] >= begin) & (rows["ts"] < end) & (rows["present"] & QUOTED_ONLY == 0)
                    chosen = rows[inside & story.mine(rows, subjects[number])][: room[number]]
                    found[number].append(chosen.copy())
                    room[number] -= len(chosen)
    finally:
        source.close()
    return [_in_order(parts) for parts in found]


def _span(one: Difference) -> tuple[int, int]:
    incident = one.incident
    return story.span(incident.start, incident.fired, incident.resolved)


def _in_order(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    rows = np.concatenate(parts) if parts else np.zeros(0, HEADER)
    return rows[np.argsort(rows["ts"], kind="stable")]
