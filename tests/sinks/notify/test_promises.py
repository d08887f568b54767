"""What holds whatever comes: against a plain reference of when pages are open, and as rules that nothing may break."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.notify.core import Notifier
from sinks.notify.page import Step
from sinks.notify.silences import Silence
from sinks.notify.state import dump, load
from sinks.notify.trouble import Trouble
from tests.sinks.notify.made import NOW, dns, storm
from wireverdict.notifying import NotifySettings, Selection
from wireverdict.verdicts import Severity, Subject

RULES = ("dns-loss", "throttling-ratio", "capture-loss", "zero-window", "retransmission-storm")
EVENTS = st.lists(
    st.tuples(st.integers(0, 120), st.integers(0, 11), st.booleans(), st.integers(1, 3)), min_size=1, max_size=60
)
SILENCES = st.lists(st.tuples(st.sampled_from(RULES), st.integers(0, 3000), st.integers(1, 2000)), max_size=3)


def steps(events: list[tuple[int, int, bool, int]]) -> list[tuple[float, Trouble]]:
    """A life for each of twelve troubles out of random pushes: time in s, and the step that is told then."""
    time, told = 0, []
    begun: dict[int, int] = {}
    for wait, number, again, severity in events:
        time += wait
        if number in begun and not again:
            step, since = "resolved", begun.pop(number)
        elif number in begun:
            step, since = "repeated", begun[number]
        else:
            step, since = "fired", begun.setdefault(number, time)
        rule = RULES[number % len(RULES)]
        subject = Subject(source_ip=f"192.0.2.{number % 4 + 1}", destination_port=53 + number % 3)
        made = dns(
            number, step, begun=since, rule=rule, subject=subject, severity=Severity(severity), sensor=f"s{number % 2}"
        )
        told.append((float(time), msgspec.structs.replace(made, at=NOW + time, sent=NOW + time)))
    return told


@settings(max_examples=150, deadline=None)
@given(EVENTS, SILENCES, st.booleans())
def test_nothing_is_lost_and_no_page_is_left_or_ended_before_it_began(
    events: list[tuple[int, int, bool, int]], silenced: list[tuple[str, int, int]], crashes: bool
) -> None:
    given_settings = NotifySettings(hold=60.0, hold_most=200.0, update=30.0, remind=500.0, pages=2, pages_in=300.0)
    notifier = Notifier(given_settings)
    silences = [
        Silence(f"s{number}", Selection(rules=(rule,)), NOW + start, NOW + start + length)
        for number, (rule, start, length) in enumerate(silenced)
    ]
    lives: dict[str, list[Step]] = defaultdict(list)
    open_groups: dict[str, str] = {}
    accounted: set[tuple[str, str]] = set()
    fired: set[tuple[str, str]] = set()
    waiting = steps(events)
    time, end = 0.0, waiting[-1][0] + 6000
    while time <= end:
        due = [trouble for moment, trouble in waiting if moment <= time]
        waiting = waiting[len(due) :]
        if time > end - 4000:  # the world gets well
            due += [
                msgspec.structs.replace(trouble, firing=False, at=NOW + time)
                for trouble in [held.trouble for held in notifier.held.values() if held.trouble.firing]
                if not any(other.key == trouble.key for other in due)
            ]
        for trouble in due:
            notifier.hear(NOW + time, [trouble], silences)
            held = notifier.held[trouble.key]
            if trouble.firing:
                fired.add((trouble.key, trouble.incident))
                assert bool(held.page) != bool(held.why)  # in a page, or held back with a reason
                if held.why:
                    assert held.why in held.counted
                    accounted.add((trouble.key, trouble.incident))
        for page in notifier.tell(NOW + time, silences):
            life = lives[page.page.key]
            assert life[-1:] != [Step.RESOLVED]
            assert (page.step is Step.TRIGGERED) == (not life)
            life.append(page.step)
            if page.step is Step.TRIGGERED:
                assert page.page.group not in open_groups
                open_groups[page.page.group] = page.page.key
            assert open_groups[page.page.group] == page.page.key
            if page.step is Step.RESOLVED:
                del open_groups[page.page.group]
                assert not any(trouble.firing for trouble in page.troubles)
        for held in notifier.held.values():
            if held.page and notifier.pages[held.page].triggered:
                accounted.add((held.trouble.key, held.trouble.incident))
            accounted |= {(held.trouble.key, held.trouble.incident)} if held.counted else set()
        if crashes:
            fresh = Notifier(given_settings)
            load(fresh, dump(notifier))
            notifier = fresh
        time += 7.0
    assert not notifier.pages
    assert not open_groups
    assert all(life[-1] is Step.RESOLVED for life in lives.values())
    # an incident that is over within one look may be taken up by the next of the same trouble, in the same page
    assert {key for key, _ in fired} == {key for key, _ in accounted}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), min_size=1, max_size=12))
def test_pages_are_open_as_the_reference_says(spans: list[tuple[int, int]]) -> None:
    """One trouble that comes and goes: (s bad, s good) each. With a hold that does not grow, a page is open from `wait` s
    after a beginning until `hold` s after an end that no other beginning follows in time."""
    wait, hold = 10, 120
    intervals, time = [], 0
    for bad, good in spans:
        intervals.append((time, time + bad))
        time += bad + good
    expected: list[tuple[int, int]] = []
    for start, end in intervals:
        if expected and start <= expected[-1][1]:
            expected[-1] = (expected[-1][0], max(end, expected[-1][0] + 1) + hold)
        else:
            expected.append((start + wait, max(end, start + wait + 1) + hold))
    notifier = Notifier(
        NotifySettings(wait=wait, hold=hold, hold_most=hold, remind=0.0, update=1e9, pages=1000, stale=1e9)
    )
    told: list[tuple[int, Step]] = []
    starts = {start: dns(0, begun=start) for start, _ in intervals}
    ends = {end: dns(0, "resolved", begun=start) for start, end in intervals}
    for now in range(time + 2 * hold):
        due = [table[now] for table in (ends, starts) if now in table]
        notifier.hear(NOW + now, due)
        told += [(now, page.step) for page in notifier.tell(NOW + now)]
    begun = [now for now, step in told if step is Step.TRIGGERED]
    ended = [now for now, step in told if step is Step.RESOLVED]
    assert begun == [start for start, _ in expected]
    for got, (_, end) in zip(ended, expected, strict=True):
        assert abs(got - end) <= wait  # what is short is told when it is over: its hold begins then


def test_order_of_arrival_within_the_wait_does_not_matter() -> None:
    one, other = Notifier(NotifySettings()), Notifier(NotifySettings())
    troubles = [dns(0), dns(1), dns(0, rule="throttling-ratio"), storm(3)]
    one.hear(NOW, troubles)
    other.hear(NOW, reversed(troubles))
    first, second = one.tell(NOW + 10), other.tell(NOW + 10)
    assert [{each.key for each in page.troubles} for page in first] == [
        {each.key for each in page.troubles} for page in second
    ]
