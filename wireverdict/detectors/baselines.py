"""What is usual: the ratios of packets back to packets out that a subject had while it was well."""

from __future__ import annotations

from typing import Any, NamedTuple

Key = tuple[int, ...]


class Usual(NamedTuple):
    """A baseline. `ratio` and `rate` (packets out) are medians over `windows`; `spread` is how far apart the quartiles of
    the ratios are."""

    ratio: float
    rate: float
    spread: float
    windows: int


class Baselines:
    """Ratios and packets out of the last `most` good windows, by key. Of more than `keys` keys, those that were taught
    longest ago are forgotten."""

    def __init__(self, most: int, keys: int) -> None:
        self.most, self.keys = most, keys
        self._past: dict[Key, list[tuple[float, int]]] = {}

    def windows(self, key: Key) -> int:
        """How many windows taught this key."""
        return len(self._past.get(key, ()))

    def below(self, key: Key, ratio: float, times: float) -> bool:
        """Whether `ratio` may be `times` under the usual: a quick no, most of the time."""
        past = self._past.get(key)
        return past is not None and any(ratio * times < usual for usual, _ in past)

    def usual(self, key: Key) -> Usual | None:
        """What the key learnt so far."""
        past = self._past.get(key)
        if not past:
            return None
        from statistics import median

        ratios = sorted(ratio for ratio, _ in past)
        spread = ratios[3 * len(ratios) // 4] - ratios[len(ratios) // 4]
        return Usual(median(ratios), median(out for _, out in past), spread, len(past))

    def teach(self, key: Key, ratio: float, out: int) -> None:
        """Add a good window."""
        past = self._past.pop(key, [])
        past.append((ratio, out))
        del past[: -self.most]
        self._past[key] = past  # the last one taught is the last to be forgotten
        if len(self._past) > self.keys:
            del self._past[next(iter(self._past))]

    def dump(self) -> list[Any]:
        """As JSON values, in order of age."""
        return [[list(key), past] for key, past in self._past.items()]

    def load(self, state: list[Any]) -> None:
        """Take up what `dump` gave."""
        self._past = {tuple(key): [(ratio, out) for ratio, out in past] for key, past in state}
