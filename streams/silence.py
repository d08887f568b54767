"""Sensors that have gone silent: their clock stays behind while those of others go on. Event time only. Pure."""

from __future__ import annotations

from typing import Any

from wireverdict.verdicts import RULE_NAMES, Severity, Status, Subject, Verdict

RULE = "sensor-silence"
SECOND = 1_000_000_000


class Silence:
    """Compares the clocks of the sensors of one partition of the windows topic.

    A sensor is silent when the latest clock of the others is more than `limit` s ahead of its own, and speaks again with
    its next message. One whose input has ended is not missed.
    """

    def __init__(self, limit: float) -> None:
        """`limit`: s; 0: nobody is ever silent."""
        self.limit = round(limit * SECOND)
        self.clocks: dict[str, int] = {}  # ns, of sensors whose input goes on
        self.silent: dict[str, int] = {}  # since when, of those that are

    def heard(self, sensor: str, clock: int, ended: bool) -> list[tuple[str, Verdict]]:
        """A message of `sensor`; verdicts that follow, with the sensor that each is about."""
        if not self.limit:
            return []
        told = []
        if sensor in self.silent:
            since = self.silent.pop(sensor)
            told.append((sensor, self._verdict(Status.RESOLVED, since, max(clock, since), "it speaks again")))
        if ended:
            self.clocks.pop(sensor, None)
        else:
            self.clocks[sensor] = max(clock, self.clocks.get(sensor, clock))
        latest = max((clock, *self.clocks.values()))
        for name, last in sorted(self.clocks.items()):
            if name not in self.silent and latest - last > self.limit:
                self.silent[name] = last
                told.append((name, self._verdict(Status.FIRING, last, latest, "other sensors go on")))
        return told

    def _verdict(self, status: Status, since: int, at: int, reason: str) -> Verdict:
        return Verdict(
            rule=RULE,
            name=RULE_NAMES[RULE],
            status=status,
            step="fired" if status is Status.FIRING else "resolved",
            subject=Subject(),
            severity=Severity.WARNING,
            confidence=1.0,
            start=since,
            end=at,
            at=at,
            evidence={"silent_s": (at - since) / SECOND, "limit_s": self.limit / SECOND},
            capture_quality={},
            remedy="See whether the host, its network and wireverdict capture on it run, and whether its clock is right. "
            "What happens there is not seen until it is back.",
            reason=reason,
        )

    def dump(self) -> dict[str, Any]:
        """All memory, as JSON values."""
        return {"clocks": dict(self.clocks), "silent": dict(self.silent)}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        self.clocks, self.silent = dict(state["clocks"]), dict(state["silent"])
