"""Whether anything comes from any sensor at all. A single sensor is missed by the others (`sensor-silence`); when all are
silent, or the workers between them and us are, no verdict can say so. Pure: time and counts are given."""

from __future__ import annotations

import msgspec

from sinks.notify.trouble import Trouble
from wireverdict.verdicts import RULE_NAMES, Severity, digest

RULE = "sensor-silence"


class Pulse(msgspec.Struct):
    """`count`: messages that there were of windows; `since`: when that was first seen (s since 1970); `told`: whether it
    was told that no more come."""

    count: int = -1
    since: float = 0.0
    told: bool = False


class Heartbeat:
    """Nothing is missed before something has come. `limit`: s; 0: nothing is ever missed."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.pulse = Pulse()

    def beat(self, now: float, count: int) -> Trouble | None:
        """`count`: messages of windows so far, which may go down when topics are made anew. The trouble that begins or ends."""
        pulse = self.pulse
        if count != pulse.count:
            over = self._trouble(now, firing=False) if pulse.told else None
            self.pulse = Pulse(count, now)
            return over
        if not self.limit or count == 0 or pulse.told or now - pulse.since < self.limit:
            return None
        pulse.told = True
        return self._trouble(now, firing=True)

    def _trouble(self, now: float, firing: bool) -> Trouble:
        since = self.pulse.since
        return Trouble(
            key=f"{RULE}-all",
            incident=digest(RULE, repr(since)),
            rule=RULE,
            name=RULE_NAMES[RULE],
            sensor="",
            subject="all sensors",
            severity=int(Severity.CRITICAL),
            start=since,
            at=now,
            sent=now,
            firing=firing,
            confidence=1.0,
            evidence={"silent_s": round(now - since, 1), "limit_s": self.limit},
            remedy="See whether any wireverdict capture and wireverdict stream runs, and whether Kafka takes what they send.",
        )
