"""What is said where there is no screen: a line for each window of time, and one for each step of a verdict."""

from __future__ import annotations

from wireverdict.output.panels import who
from wireverdict.output.units import count, duration, evidence, scaled, several, share
from wireverdict.verdicts import Verdict
from wireverdict.watch.picture import Losses, Picture
from wireverdict.watch.tables import clock


def status(picture: Picture) -> str:
    """How things stand, in a line."""
    parts = [
        f"{clock(picture.now)} UTC",
        f"{count(picture.packets)} packets",
        f"{count(round(picture.packet_rate))} packets/s",
        scaled(picture.bit_rate, "bit/s"),
        losses(picture.losses),
        f"{count(picture.open)} open",
    ]
    rows = picture.resolvers
    if asked := int(rows.queries.sum()):
        decided = int((rows.answered + rows.unanswered).sum())
        lost = share(int(rows.unanswered.sum()) / decided) if decided else "0 %"
        parts.append(f"DNS {count(asked)} queries, {lost} unanswered")
    parts.append(f"{len(picture.firing)} firing" if picture.firing else "nothing firing")
    return " · ".join(parts)


def ending(picture: Picture) -> str:
    """How it was, in a line."""
    troubles = picture.incidents
    over = sum(incident.over for incident in troubles)
    found = f"{several(len(troubles), 'verdict')}, {count(over)} of them over" if troubles else "nothing found"
    lasted = duration(max(0, picture.now - picture.first))
    return f"end: {several(picture.packets, 'packet')} in {lasted}, {several(picture.ended, 'connection')}; {found}"


def losses(told: Losses) -> str:
    """What was not seen: ``no drops``, ``120 drops, 2 freezes, ring 40 % full``."""
    parts = [f"{count(told.dropped)} drops" if told.dropped else "no drops"]
    if told.freezes:
        parts.append(f"{count(told.freezes)} freezes")
    if told.sampled_out:
        parts.append(f"{count(told.sampled_out)} left out by sampling")
    if told.fill is not None and (told.fill >= 0.1 or told.dropped):
        parts.append(f"ring {share(told.fill)} full")
    return ", ".join(parts)


def step(verdict: Verdict) -> str:
    """One step of a verdict, in a line."""
    said = [text for text in evidence(verdict.evidence, 60)[:1] if verdict.status == "firing"]
    lasted = duration(max(0, verdict.end - verdict.start))
    parts = [f"{verdict.name}: {who(verdict.subject)}", f"since {clock(verdict.start)}, for {lasted}", *said]
    return f"{clock(verdict.at)} UTC · {verdict.severity.name} {verdict.step} · " + " · ".join(parts)
