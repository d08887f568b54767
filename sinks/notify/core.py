"""Who is told what, and when: verdicts in, pages out. Pure: no clock, no Kafka; time is given.

A trouble that fires is at once either in the page of its group, or held back for a reason, which is counted. What is held
back is looked at again whenever time passes, and joins a page when the reason is gone. A page that is new waits for what
belongs to it, is told, told again when something changes (not too often), and resolved when all of its troubles have been
over for a while: what comes back meanwhile goes on in the same page, and each time that it does the while is doubled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from sinks.notify import inhibition
from sinks.notify.page import Page, Step
from sinks.notify.silences import Silence, standing
from sinks.notify.state import Held, Memory, Open, Past
from sinks.notify.trouble import Trouble
from wireverdict.notifying import NotifySettings
from wireverdict.verdicts import Severity, digest

OVERFLOW = "many"
"""The group of what the rate limit keeps from having a page of its own."""
MUTED = ("silence", "quiet")
Delay = Callable[[Trouble], float | None]


class Notifier:
    """Of one sink. Times: s since 1970, never going back from call to call."""

    def __init__(self, settings: NotifySettings, delay: Delay = lambda _: 0.0) -> None:
        """`delay`: s that a trouble must have gone on for before the sink is told; None: it is not for this sink. Raises
        ValueError for windows of the settings that cannot be."""
        self.settings, self._delay = settings, delay
        self._rules = inhibition.rules(settings)
        self._quiet = standing(settings.quiet)
        self.held: dict[str, Held] = {}
        self.pages: dict[str, Open] = {}
        self.past: dict[str, Past] = {}  # troubles that are over and done with, the oldest first
        self.memory: dict[str, Memory] = {}  # of groups whose page is over
        self.triggers: list[float] = []  # when pages were new, as far as the rate limit looks back
        self._hosts: dict[tuple[str, str], set[str]] = {}
        self.counts: Counter[str] = Counter()  # incidents that were held back, by reason

    def hear(self, now: float, troubles: Iterable[Trouble], silences: Sequence[Silence] = ()) -> None:
        """Take in steps of verdicts, in order."""
        sources, self._hosts = self._sources(), self._by_host()
        for trouble in troubles:
            held = self.held.get(trouble.key) or self._recall(trouble.key)
            self._hosts.setdefault((trouble.sensor, trouble.source), set()).add(trouble.key)
            if held is None:
                held = self.held[trouble.key] = Held(trouble, now, latest=trouble.at)
                if not trouble.firing:  # it began before we were there
                    held.gone = now
                    self._count(held, "unheard")
                    continue
            elif not held.take(trouble, now):
                continue
            if trouble.firing:
                sources.add(trouble)
                if not held.page:
                    self._place(held, now, silences, sources)
            else:
                sources.drop(trouble)
                if not held.page:
                    held.gone = now

    def tell(self, now: float, silences: Sequence[Silence] = ()) -> list[Page]:
        """What is to be told at `now`."""
        sources, self._hosts = self._sources(), self._by_host()
        for key in sorted(self.held):
            held = self.held[key]
            page = self.pages.get(held.page)
            if (page is None and held.trouble.firing) or (page is not None and not page.triggered):
                self._place(held, now, silences, sources)
        told: list[Page] = []
        members = self.members()
        for group in sorted(self.pages, key=lambda name: (name == OVERFLOW, name)):
            told += self._page(self.pages[group], members.get(group, []), now, silences)
        if OVERFLOW in self.pages and not self.pages[OVERFLOW].triggered:
            told += self._page(self.pages[OVERFLOW], self.members()[OVERFLOW], now, silences)
        self._forget(now)
        return told

    def members(self) -> dict[str, list[Held]]:
        """The troubles of each open page, in the order of their keys."""
        found: dict[str, list[Held]] = {}
        for key in sorted(self.held):
            if self.held[key].page:
                found.setdefault(self.held[key].page, []).append(self.held[key])
        return found

    def group(self, trouble: Trouble) -> str:
        """The name of the group that a trouble belongs to by itself."""
        return ", ".join(f"{name}={trouble.field(name)}" for name in self.settings.group_by) or "all"

    def _sources(self) -> inhibition.Sources:
        """What silences others: all that goes on, or waits to be told, and is not silenced by another itself."""
        made = inhibition.Sources(self._rules)
        for key in sorted(self.held):
            held = self.held[key]
            waits = held.page and not self.pages[held.page].triggered
            if (held.trouble.firing or waits) and held.why != "inhibited":
                made.add(held.trouble)
        return made

    def _place(self, held: Held, now: float, silences: Sequence[Silence], sources: inhibition.Sources) -> None:
        """Into the page of its group, or held back."""
        trouble = held.trouble
        held.why, held.by = self._why(held, now, silences, sources)
        if held.why:
            held.page = ""
            self._count(held, held.why)
            if held.why == "inhibited":
                sources.drop(trouble)
            if not trouble.firing:
                held.gone = now
        elif not held.page:
            sources.add(trouble)
            group = self.group(trouble)
            held.page = group if group in self.pages else self._beside(trouble) or group
            if held.page not in self.pages:
                key = "wireverdict-" + digest(group, trouble.incident, trouble.sensor, repr(now))
                self.pages[group] = Open(group, key, now, returns=self._returns(group, now))

    def _why(self, held: Held, now: float, silences: Sequence[Silence], sources: inhibition.Sources) -> tuple[str, str]:
        """Why it is held back, and by what; empty: it is not."""
        trouble = held.trouble
        delay = self._delay(trouble)
        if delay is None:
            return "route", ""
        for word, given in (("silence", silences), ("quiet", self._quiet)):
            for silence in given:
                if silence.active(now) and silence.covers(trouble):
                    return word, silence.id
        if trouble.rule in inhibition.LOSS and trouble.missed >= self.settings.doubtful:
            return "doubtful", f"{trouble.missed:.0%} of the packets were not captured"
        source = sources.over(trouble)
        if source:
            return "inhibited", source
        if now < held.since + delay:
            return "early", f"told after {delay:.0f} s"
        return "", ""

    def _count(self, held: Held, why: str) -> None:
        if why not in held.counted:
            held.counted = (*held.counted, why)
            self.counts[why] += 1

    def _beside(self, trouble: Trouble) -> str:
        """The group of a page with a trouble of the same host that began at the same time; empty: none."""
        if not trouble.source:
            return ""
        for key in sorted(self._hosts.get((trouble.sensor, trouble.source), ())):
            held = self.held[key]
            if held.page and abs(held.trouble.start - trouble.start) <= self.settings.join:
                return held.page
        return ""

    def _by_host(self) -> dict[tuple[str, str], set[str]]:
        """Keys of troubles by sensor and host."""
        made: dict[tuple[str, str], set[str]] = {}
        for key, held in self.held.items():
            made.setdefault((held.trouble.sensor, held.trouble.source), set()).add(key)
        return made

    def _returns(self, group: str, now: float) -> int:
        known = self.memory.pop(group, None)
        return known.returns + 1 if known and now - known.closed < self.settings.hold_most else 0

    def _page(self, page: Open, members: list[Held], now: float, silences: Sequence[Silence]) -> list[Page]:
        if not members:  # all were held back before it was told
            del self.pages[page.group]
            return []
        going = [held for held in members if held.trouble.firing]
        worst = max(held.trouble.severity for held in going or members)
        if not page.triggered:
            return self._new(page, members, worst, now)
        if not going:
            page.over = page.over or now
            settings = self.settings
            hold = min(settings.hold * 2 ** min(page.returns, 30), max(settings.hold, settings.hold_most))
            return self._close(page, members, now) if now - page.over >= hold else []
        if page.over:
            page.over, page.returns = 0.0, page.returns + 1
        if all(self._muted(held.trouble, now, silences) for held in going):
            return []
        if worst > page.severity:
            return [self._tell(page, members, Step.ESCALATED, now, worst, "it became more severe")]
        since = now - page.triggered
        if self.settings.escalate and since >= self.settings.escalate and page.severity < Severity.CRITICAL:
            return [
                self._tell(page, members, Step.ESCALATED, now, Severity.CRITICAL, f"it goes on after {since:.0f} s")
            ]
        if page.said != said(members) and now - page.told >= self.settings.update:
            return [self._tell(page, members, Step.UPDATED, now, worst, "it has changed")]
        if self.settings.remind and now - page.told >= self.settings.remind:
            return [self._tell(page, members, Step.REMINDED, now, worst, f"it goes on after {since:.0f} s")]
        return []

    def _new(self, page: Open, members: list[Held], worst: int, now: float) -> list[Page]:
        settings = self.settings
        if now - page.opened < settings.wait and page.group != OVERFLOW:
            return []
        if all(not held.trouble.firing and now - held.trouble.sent >= settings.stale for held in members):
            for held in members:
                held.page, held.gone = "", now
                self._count(held, "stale")
            del self.pages[page.group]
            return []
        self.triggers = [moment for moment in self.triggers if now - moment < settings.pages_in]
        if page.group != OVERFLOW:
            if len(self.triggers) >= settings.pages:
                self._overflow(page, members, now)
                return []
            self.triggers.append(now)
        page.triggered = now
        return [self._tell(page, members, Step.TRIGGERED, now, worst, "it is new")]

    def _overflow(self, page: Open, members: list[Held], now: float) -> None:
        """Too many pages: what this one would have told goes into one that counts them."""
        if OVERFLOW not in self.pages:
            key = "wireverdict-" + digest(OVERFLOW, page.key)
            self.pages[OVERFLOW] = Open(OVERFLOW, key, now, returns=self._returns(OVERFLOW, now))
        for held in members:
            held.page = OVERFLOW
            self._count(held, "rate")
        self.pages[OVERFLOW].groups += 1
        del self.pages[page.group]

    def _close(self, page: Open, members: list[Held], now: float) -> list[Page]:
        told = self._tell(page, members, Step.RESOLVED, now, page.severity, f"all was well for {now - page.over:.0f} s")
        for held in members:
            held.page, held.gone = "", now
        self.memory[page.group] = Memory(page.returns, now)
        del self.pages[page.group]
        return [told]

    def _tell(self, page: Open, members: list[Held], step: Step, now: float, severity: int, reason: str) -> Page:
        page.severity = max(page.severity, severity)
        page.told, page.said, page.steps = now, said(members), page.steps + 1
        beside = Counter(
            held.why
            for held in self.held.values()
            if held.why not in ("", "route") and held.trouble.firing and self.group(held.trouble) == page.group
        )
        return Page(
            page=msgspec.structs.replace(page),
            step=step,
            now=now,
            reason=reason,
            troubles=[held.trouble for held in members],
            beside=dict(sorted(beside.items())),
        )

    def _muted(self, trouble: Trouble, now: float, silences: Sequence[Silence]) -> bool:
        """Whether somebody has silenced what was told already."""
        return any(each.active(now) and each.covers(trouble) for each in (*silences, *self._quiet))

    def _recall(self, key: str) -> Held | None:
        """A trouble that was over."""
        past = self.past.pop(key, None)
        if past is not None:
            self.held[key] = past.held()
        return self.held.get(key)

    def _forget(self, now: float) -> None:
        """Put aside what is over, and forget what has been over for long."""
        for key in sorted(key for key, held in self.held.items() if held.gone):
            held = self.held.pop(key)
            self.past[key] = Past.of(held)
        while self.past and now - next(iter(self.past.values())).gone > self.settings.remember:
            del self.past[next(iter(self.past))]
        for group in [name for name, known in self.memory.items() if now - known.closed >= self.settings.hold_most]:
            del self.memory[group]


def said(members: Sequence[Held]) -> str:
    """What people were told of a page's troubles; another text is worth an update."""
    going = [held.trouble for held in members if held.trouble.firing]
    rules = sorted({trouble.rule for trouble in going})
    return f"{len(going)} of {len(members)}, {sum(trouble.subjects for trouble in going)}: {' '.join(rules)}"
