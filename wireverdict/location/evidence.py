"""Located losses in words and numbers, for verdicts and for the document that ends a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wireverdict.detectors.shares import wilson_lower
from wireverdict.location.locate import Direction, Located, Place
from wireverdict.verdicts import Subject, Verdict, rounded
from wireverdict.windows.home import address_text

RULES = frozenset({"retransmission-storm", "policing", "bufferbloat", "new-flow-loss", "throttling-ratio"})
"""Of verdicts in which lost TCP segments may have a part."""
EARLIER = 2_000_000_000
"""ns before a trouble was seen in which the losses may lie that it was seen by: data are sent again only some time later."""
SHOWN = 10
"""Pairs of addresses in a document."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Segments by place. `places`: ``between …``, ``before …``, ``after …`` and how many, the most first. `offset` and
    `unsure` ns: of the clocks, for the direction that lost most."""

    lost: int
    unknown: int
    places: tuple[tuple[str, int], ...]
    offset: float
    unsure: float

    @property
    def sentence(self) -> str:
        """``132 of 140 lost segments between sensor client and sensor server, 8 unknown``."""
        told = [f"{many:,} {place}" for place, many in self.places]
        unknown = [f"{self.unknown:,} unknown"] if self.unknown else []
        if not told:
            return f"where {self.lost:,} lost segments were lost is unknown"
        place, many = self.places[0]
        return ", ".join([f"{many:,} of {self.lost:,} lost segments {place}", *told[1:], *unknown])

    def evidence(self) -> dict[str, Any]:
        """What a verdict's evidence has of it. `confidence`: the lower end of the 95 % score interval of the first
        place's share."""
        sure = wilson_lower(self.places[0][1], self.lost) if self.places else 0.0
        made: dict[str, Any] = rounded(
            {
                "loss_located": self.sentence,
                "loss_location": {
                    "lost_segments": self.lost,
                    "unknown_segments": self.unknown,
                    "places": [{"place": place, "segments": many} for place, many in self.places],
                    "confidence": sure,
                    "clock_offset_ms": self.offset / 1e6,
                    "clock_unsure_ms": self.unsure / 1e6,
                },
            }
        )
        return made


def tally(directions: Iterable[Direction], sensor: str = "", since: int = 0, until: int = 0) -> Tally | None:
    """The losses of some directions together; with `sensor`, only those from `since` to `until` ns of its clock. None: no
    losses."""
    counts: dict[str, int] = {}
    most, clock = 0, None
    for one in directions:
        losses = one.losses
        if sensor:
            ts = losses["ts"].astype(np.int64)
            ts = ts if sensor == one.first else one.clocks.at_b(ts)
            losses = losses[(ts >= since) & (ts <= until)]
        if not len(losses):
            continue
        for place in Place:
            many = int(losses["segments"][losses["place"] == place].sum())
            if many:
                name = _name(one, place)
                counts[name] = counts.get(name, 0) + many
        if (mine := int(losses["segments"].sum())) > most:
            most, clock = mine, one
    if clock is None:
        return None
    unknown = counts.pop("", 0)
    places = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return Tally(sum(counts.values()) + unknown, unknown, places, clock.clocks.offset, clock.clocks.apart / 2)


def _name(one: Direction, place: Place) -> str:
    if place is Place.BETWEEN:
        return f"between {' and '.join(f'sensor {name}' for name in sorted((one.first, one.second)))}"
    return {Place.BEFORE: f"before sensor {one.first}", Place.AFTER: f"after sensor {one.second}"}.get(place, "")


def with_location(verdict: Verdict, sensor: str, located: Sequence[Located]) -> Verdict:
    """The verdict of a sensor, with where the segments were lost that it speaks of, as far as that is known."""
    if verdict.rule not in RULES:
        return verdict
    chosen = [one for found in located for one in found.directions if sensor in (one.first, one.second)]
    chosen = [one for one in chosen if _about(one, verdict.subject)]
    found = tally(chosen, sensor, verdict.start - EARLIER, verdict.end)
    if found is None:
        return verdict
    told = found.evidence()
    return replace(verdict, evidence={"loss_located": told["loss_located"]} | verdict.evidence | told)


def _about(one: Direction, subject: Subject) -> bool:
    """Whether a direction's connection is one of those that the subject stands for."""
    if subject.protocol not in ("", "tcp"):
        return False
    ends = [(address_text(*end[:2]), end[2]) for end in (one.source, one.destination)]

    def fits(end: tuple[str, int], ip: str, port: int) -> bool:
        return ip in ("", end[0]) and port in (0, end[1])

    wanted = (subject.source_ip, subject.source_port), (subject.destination_ip, subject.destination_port)
    return any(fits(a, *wanted[0]) and fits(b, *wanted[1]) for a, b in (ends, ends[::-1]))


def _no_loss(found: Located) -> str:
    """What is said where no loss was found: where nothing can be said that is no "no"."""
    silent = sum(found.silent.values())
    if not found.seen_by_both:
        return "nothing to compare"
    if silent >= found.seen_by_both:
        return "nothing can be said"
    return f"no segment was lost in {found.seen_by_both - silent:,} of them" if silent else "no segment was lost"


def document(names: tuple[str, str], found: Located) -> dict[str, Any]:
    """What two sensors told together, as a JSON document (kind ``wireverdict.loss-location``)."""
    by_pair: dict[tuple[str, str], list[Direction]] = {}
    for one in found.directions:
        ends = sorted((one.source[:2], one.destination[:2]))
        by_pair.setdefault((address_text(*ends[0]), address_text(*ends[1])), []).append(one)
    tallies = [(pair, made) for pair, mine in by_pair.items() if (made := tally(mine)) is not None]
    tallies.sort(key=lambda item: (-item[1].lost, item[0]))
    whole = tally(found.directions)
    told: dict[str, Any] = {
        "sensors": list(names),
        "connections": {"seen_by_both": found.seen_by_both, "silent": dict(sorted(found.silent.items()))},
        "segments": sum(one.sent for one in found.directions) + found.whole_segments,
        **(whole.evidence() if whole else {"loss_located": _no_loss(found)}),
        "pairs": [{"addresses": list(pair), **made.evidence()} for pair, made in tallies[:SHOWN]],
    }
    return {
        "event": {"kind": "metric", "category": "network", "dataset": "wireverdict.loss-location"},
        "wireverdict": told,
    }
