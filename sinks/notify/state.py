"""What a notifier remembers, and how it becomes records of a compacted topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from sinks.notify.trouble import Trouble

if TYPE_CHECKING:
    from sinks.notify.core import Notifier


class Held(msgspec.Struct):
    """A trouble. `page`: the group of the page that it is in; `why`, `by`: why it is in none. `gone`: when it was over and
    done with; 0: it is not. `counted`: reasons that this incident was counted under. `latest`: the latest step, packet time."""

    trouble: Trouble
    since: float
    page: str = ""
    why: str = ""
    by: str = ""
    gone: float = 0.0
    latest: float = 0.0
    counted: tuple[str, ...] = ()

    def take(self, step: Trouble, now: float) -> bool:
        """The next step. False for one that was had already: workers send steps again after a crash."""
        known = self.trouble
        if step.incident == known.incident:
            again = step.firing and not known.firing and step.at <= self.latest
            if again or (not step.firing and not known.firing) or (step.firing and step.at < known.at):
                return False
        elif step.start <= known.start:
            return False
        fresh = step.incident != known.incident or (step.firing and not known.firing)
        if fresh:
            self.since, self.counted, self.gone = now, (), 0.0
            self.latest = step.at
        self.trouble, self.latest = step, max(self.latest, step.at)
        return True


class Past(NamedTuple):
    """A trouble that is over and done with, as its record: there may be many, and they are seldom looked at."""

    gone: float
    record: bytes

    @staticmethod
    def of(held: Held) -> Past:
        """To be put aside."""
        return Past(held.gone, msgspec.json.encode(held))

    def held(self) -> Held:
        """To be looked at again."""
        return msgspec.json.decode(self.record, type=Held)


class Open(msgspec.Struct):
    """A page that is open. `key`: what pagers know it by. `opened`, `triggered`, `told`: when it was made, first told and
    last told; 0: not yet. `over`: since when all is well; 0: it is not. `returns`: how often the trouble came back.
    `severity`: the worst that was told. `groups`: for the page of what is too much, how many pages it stands for."""

    group: str
    key: str
    opened: float
    triggered: float = 0.0
    told: float = 0.0
    over: float = 0.0
    severity: int = 0
    returns: int = 0
    steps: int = 0
    groups: int = 0
    said: str = ""


class Memory(msgspec.Struct):
    """Of a group whose page was closed at `closed`."""

    returns: int
    closed: float


class _Head(msgspec.Struct):
    memory: dict[str, Memory]
    triggers: list[float]
    counts: dict[str, int]


def dump(notifier: Notifier) -> dict[str, bytes]:
    """All that it remembers, as small records: a change touches few of them."""
    encode = msgspec.json.encode
    head = _Head(dict(sorted(notifier.memory.items())), notifier.triggers, dict(sorted(notifier.counts.items())))
    made = {"head": encode(head)}
    made |= {f"page {group}": encode(page) for group, page in notifier.pages.items()}
    made |= {f"trouble {key}": past.record for key, past in notifier.past.items()}
    made |= {f"trouble {key}": encode(held) for key, held in notifier.held.items()}
    return made


def load(notifier: Notifier, records: dict[str, bytes]) -> None:
    """Take up what `dump` gave, into a notifier that is new. Raises msgspec.MsgspecError."""
    if "head" in records:
        head = msgspec.json.decode(records["head"], type=_Head)
        notifier.memory, notifier.triggers = head.memory, head.triggers
        notifier.counts.update(head.counts)
    for name, value in sorted(records.items()):
        kind, _, rest = name.partition(" ")
        if kind == "page":
            notifier.pages[rest] = msgspec.json.decode(value, type=Open)
        elif kind == "trouble":
            notifier.held[rest] = msgspec.json.decode(value, type=Held)
    for key in sorted(
        (key for key, held in notifier.held.items() if held.gone), key=lambda key: notifier.held[key].gone
    ):
        notifier.past[key] = Past.of(notifier.held.pop(key))
