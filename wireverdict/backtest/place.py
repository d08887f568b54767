"""What was told in one place, a sensor or a capture: the result of a pass, and how it is made of windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wireverdict.backtest.incidents import Incident, incidents
from wireverdict.backtest.panel import Look, Panel, packed
from wireverdict.settings import Settings
from wireverdict.verdicts import Verdict
from wireverdict.windows.view import WindowView


class Place(msgspec.Struct):
    """Incidents and looks by settings, in the order of the settings. Times in ns. `left_out`: findings not remembered."""

    name: str
    told: list[list[Incident]]
    looks: list[list[Look]]
    windows: int = 0
    headers: int = 0
    first: int = 0
    last: int = 0
    left_out: int = 0

    @property
    def watched(self) -> int:
        """ns from the first header to the last."""
        return max(self.last - self.first, 0)


class Places:
    """A panel for each sensor whose windows come along."""

    def __init__(self, settings: Sequence[Settings], *, remember: bool) -> None:
        """`remember`: keep what detectors thought. Raises ValueError for settings that a part refuses."""
        self._settings, self._remember = list(settings), remember
        self._panels: dict[str, Panel] = {}
        self._places: dict[str, Place] = {}
        self._verdicts: dict[str, list[list[Verdict]]] = {}
        Panel(self._settings)

    def hear(self, sensor: str, view: WindowView | None) -> None:
        """A closed window of a sensor; None: its input is over, and what comes later begins anew."""
        place = self._places.get(sensor)
        if place is None:
            nothing: list[list[Look]] = [[] for _ in self._settings]
            place = self._places[sensor] = Place(sensor, [], nothing)
            self._verdicts[sensor] = [[] for _ in self._settings]
        panel = self._panels.get(sensor)
        if panel is None:
            panel = self._panels[sensor] = Panel(self._settings, remember=self._remember)
        if view is not None:
            place.windows += 1
        for heard, told in zip(
            self._verdicts[sensor], panel.finish() if view is None else panel.step(view), strict=True
        ):
            heard += told
        if view is None:
            self._close(sensor)

    def dump(self) -> dict[str, Any]:
        """All memory between windows, for `wireverdict.snapshot`."""
        panels = {sensor: panel.dump() for sensor, panel in self._panels.items()}
        return {"panels": panels, "told": packed([self._places, self._verdicts])}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in fresh places of the same settings."""
        for sensor, told in state["panels"].items():
            self._panels[sensor] = Panel(self._settings, remember=self._remember)
            self._panels[sensor].load(told)
        kind = tuple[dict[str, Place], dict[str, list[list[Verdict]]]]
        self._places, self._verdicts = msgspec.msgpack.decode(state["told"], type=kind)

    def finish(self, seen: dict[str, tuple[int, int, int]]) -> list[Place]:
        """All places, by name. `seen`: first and last time (ns) and headers of each sensor."""
        for sensor in sorted(self._panels):
            self.hear(sensor, None)
        for sensor in seen:
            self._places.setdefault(sensor, Place(sensor, [], [[] for _ in self._settings]))
        for sensor, place in self._places.items():
            verdicts = self._verdicts.get(sensor) or [[] for _ in self._settings]
            place.told = [incidents(heard, sensor) for heard in verdicts]
            place.first, place.last, place.headers = seen.get(sensor, (0, 0, 0))
        return [self._places[sensor] for sensor in sorted(self._places)]

    def _close(self, sensor: str) -> None:
        panel, place = self._panels.pop(sensor), self._places[sensor]
        place.left_out += panel.left_out
        if self._remember:
            for number, looks in enumerate(place.looks):
                looks += panel.looks(number)
