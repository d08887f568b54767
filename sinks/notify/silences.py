"""Silences: what shall page nobody, once or again and again. Values only; sinks.notify.store keeps them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from croniter import croniter

from sinks.notify.trouble import Trouble
from sinks.routing import selects
from wireverdict.notifying import Quiet, Selection


class Silence(msgspec.Struct, frozen=True):
    """From `start` to `end` (s since 1970, 0: for ever) if it is once; else from each moment that `every` names (as cron
    writes it, in `zone`), for `length` s, as long as start and end allow. `subject`: a text that the verdict's holds."""

    id: str
    what: Selection
    start: float
    end: float = 0.0
    every: str = ""
    length: float = 0.0
    zone: str = "UTC"
    subject: str = ""
    comment: str = ""
    author: str = ""

    def active(self, now: float) -> bool:
        """Whether it holds at `now` (s since 1970)."""
        if now < self.start or (self.end and now >= self.end):
            return False
        return not self.every or recurs(self.every, self.length, self.zone, now)

    def over(self, now: float) -> bool:
        """Whether it will never hold again."""
        return bool(self.end) and now >= self.end

    def covers(self, trouble: Trouble) -> bool:
        """Whether it is about this trouble."""
        return self.subject in trouble.subject and selects(
            self.what,
            trouble.rule,
            trouble.severity,
            trouble.sensor,
            (trouble.source, trouble.destination),
            trouble.labels,
        )

    def why_not(self) -> str:
        """What is wrong with it; empty if nothing is."""
        return check(self.every, self.length, self.zone) or (
            "it ends before it begins" if self.end and self.end <= self.start else ""
        )


def recurs(every: str, length: float, zone: str, now: float) -> bool:
    """Whether `now` (s since 1970) is less than `length` s after the last moment that `every` names.

    Cron's fields are read by the clock on the wall in `zone`. Where clocks are put forward, a moment that is skipped
    counts as if the clock went on; where they are put back, a moment that comes twice is the first one.
    """
    place = ZoneInfo(zone)
    local = datetime.fromtimestamp(now, UTC).astimezone(place).replace(tzinfo=None)
    moments = croniter(every, local + timedelta(hours=1, seconds=1))  # clocks may have been put back by an hour
    while True:
        begun: float = moments.get_prev(datetime).replace(tzinfo=place).timestamp()
        if begun <= now:
            return now - begun < length


def check(every: str, length: float, zone: str) -> str:
    """What is wrong with a recurrence; empty if nothing is."""
    if not every:
        return ""
    try:
        croniter(every, datetime(2026, 1, 1)).get_prev(datetime)
    except ValueError:
        return f"{every!r} is not as cron writes it (minute hour day month weekday), or never comes"
    if length <= 0:
        return "a window that comes again needs a length of more than 0 s"
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return f"{zone!r} is no time zone that is known here"
    return ""


def standing(windows: tuple[Quiet, ...]) -> list[Silence]:
    """The windows of the settings, as silences. Raises ValueError."""
    made = []
    for number, window in enumerate(windows):
        wrong = check(window.every, window.length, window.zone) or ("" if window.every else "it has no `every`")
        if wrong:
            raise ValueError(f"sinks.notify.quiet, window {number + 1}: {wrong}")
        given = {name: getattr(window, name) for name in Selection.__struct_fields__}
        name = hashlib.sha256(msgspec.json.encode(window)).hexdigest()[:8]
        what = Selection(**given)
        made.append(
            Silence(
                f"settings-{name}",
                what,
                0.0,
                every=window.every,
                length=window.length,
                zone=window.zone,
                comment=window.comment,
            )
        )
    return made
