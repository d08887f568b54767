"""Who is told what, and when. Lines read like transcripts: the time in s, what is heard, what is told."""

from __future__ import annotations

from typing import Any

import pytest

from sinks.notify.core import OVERFLOW, Notifier
from sinks.notify.page import Page
from sinks.notify.silences import Silence
from sinks.notify.state import dump, load
from sinks.notify.trouble import Trouble
from tests.sinks.notify.made import NOW, dns, ratio, storm
from wireverdict.notifying import Inhibition, NotifySettings, Quiet, Selection
from wireverdict.verdicts import Severity, Subject


class Talk:
    """A notifier, asked every second."""

    def __init__(self, notifier: Notifier | None = None, **settings: Any) -> None:
        self.notifier = notifier or Notifier(NotifySettings(**settings))
        self.time = 0.0
        self.silences: list[Silence] = []
        self.pages: list[Page] = []

    def hear(self, *troubles: Trouble) -> None:
        self.notifier.hear(NOW + self.time, troubles, self.silences)

    def until(self, time: float) -> list[str]:
        """Let time pass; what was told, with the s at which."""
        told = []
        while self.time < time:
            self.time += 1
            for page in self.notifier.tell(NOW + self.time, self.silences):
                self.pages.append(page)
                told.append(f"{self.time:.0f} {page.step}")
        return told


def test_an_outage_seen_by_two_detectors_at_two_hosts_is_one_page() -> None:
    talk = Talk()
    talk.hear(dns(0), ratio(0), dns(1), ratio(1))
    assert talk.until(60) == ["10 triggered"]
    assert [trouble.rule for trouble in talk.pages[0].troubles] == ["dns-loss", "dns-loss"]
    assert talk.pages[0].beside == {"inhibited": 2}
    talk.hear(*(make(number, "resolved", 9) for make in (dns, ratio) for number in (0, 1)))
    assert talk.until(1000) == ["361 resolved"]
    assert len({page.page.key for page in talk.pages}) == 1
    assert talk.notifier.counts == {"inhibited": 2}


def test_five_hundred_clients_are_one_page_that_says_so() -> None:
    talk = Talk()
    for number in range(500):
        talk.hear(dns(number, subject=Subject(source_ip=f"10.0.{number // 250}.{number % 250}", destination_port=53)))
    assert talk.until(600) == ["10 triggered"]
    own = talk.pages[0].document()["wireverdict"]
    assert own["page"]["subjects"] == 500
    assert own["subject"] == "500 subjects (dns)"


def test_what_detectors_have_grouped_counts_as_many() -> None:
    talk = Talk()
    talk.hear(dns(0, evidence={"subjects": 480}), dns(1))
    talk.until(10)
    assert talk.pages[0].document()["wireverdict"]["page"]["subjects"] == 481


def test_the_same_outage_at_many_sensors_is_one_page() -> None:
    talk = Talk()
    talk.hear(*(dns(0, sensor=f"host-{number}") for number in range(30)))
    assert talk.until(600) == ["10 triggered"]
    assert talk.pages[0].document()["wireverdict"]["subject"] == "30 subjects at 30 sensors (dns)"


def test_another_trouble_of_the_same_host_at_the_same_time_joins() -> None:
    talk = Talk()
    host = Subject(source_ip="192.0.2.1")
    talk.hear(dns(0), storm(0, subject=host, rule="new-flow-loss"))
    talk.hear(storm(1))  # another host, at another port
    assert talk.until(60) == ["10 triggered", "10 triggered"]
    assert sorted(len(page.troubles) for page in talk.pages) == [1, 2]
    later = Talk()
    later.hear(dns(0), storm(0, subject=host, begun=61))
    assert len(later.until(60)) == 2


def test_updates_are_not_told_too_often_and_worse_is_told_at_once() -> None:
    talk = Talk(update=300.0)
    talk.hear(dns(0, severity=Severity.WARNING))
    assert talk.until(20) == ["10 triggered"]
    talk.hear(dns(1, severity=Severity.WARNING))
    assert talk.until(320) == ["310 updated"]
    talk.hear(dns(2))
    assert talk.until(330) == ["321 escalated"]
    assert talk.pages[-1].page.severity == Severity.CRITICAL


def test_what_goes_on_is_told_again() -> None:
    talk = Talk(remind=3600.0)
    talk.hear(dns(0))
    assert talk.until(8000) == ["10 triggered", "3610 reminded", "7210 reminded"]


def test_what_goes_on_for_long_becomes_critical_once() -> None:
    talk = Talk(escalate=1800.0)
    talk.hear(dns(0, severity=Severity.WARNING))
    assert talk.until(9000) == ["10 triggered", "1810 escalated"]
    assert talk.pages[-1].document()["event"]["severity"] == 3


def test_a_flapping_fault_does_not_flap_the_pager() -> None:
    talk, told = Talk(hold=300.0, remind=0.0), []
    for minute in range(0, 240, 2):  # one minute bad, one minute good
        talk.hear(dns(0, "fired", 6 * minute, begun=60 * minute))
        told += talk.until(minute * 60 + 60)
        talk.hear(dns(0, "resolved", 6 * minute + 5, begun=60 * minute))
        told += talk.until(minute * 60 + 120)
    assert told == ["10 triggered"]
    assert talk.until(20_000)[-1].endswith("resolved")
    assert talk.pages[-1].page.returns == 119
    assert talk.pages[-1].document()["wireverdict"]["page"]["returns"] == 119


def test_a_fault_that_comes_back_slowly_is_waited_for_longer_each_time() -> None:
    talk, told = Talk(hold=100.0, hold_most=3600.0, remind=0.0), []
    for turn in range(12):  # 10 minutes bad, 10 minutes good
        talk.hear(dns(0, "fired", turn * 120, begun=1200 * turn))
        told += talk.until(turn * 1200 + 600)
        talk.hear(dns(0, "resolved", turn * 120 + 60, begun=1200 * turn))
        told += talk.until(turn * 1200 + 1200)
    steps = [line.split()[1] for line in told]
    assert steps == ["triggered", "resolved"] * 3 + ["triggered"]  # 100 s, 200 s, 400 s, and then 800 s


def test_a_silence_holds_back_and_then_lets_go() -> None:
    talk = Talk()
    talk.silences = [Silence("s", Selection(rules=("dns-*",)), NOW, NOW + 500)]
    talk.hear(dns(0), storm(0))
    assert talk.until(400) == ["10 triggered"]
    assert talk.notifier.counts == {"silence": 1}
    assert talk.until(600) == ["510 triggered"]


def test_a_silence_for_what_was_told_mutes_it_and_its_end_is_told() -> None:
    talk = Talk(remind=100.0, update=0.0)
    talk.hear(dns(0))
    assert talk.until(20) == ["10 triggered"]
    talk.silences = [Silence("s", Selection(), NOW, NOW + 5000)]
    talk.hear(dns(1), dns(0, "repeated", 3))
    assert talk.until(1000) == []
    talk.hear(dns(0, "resolved", 100))
    assert talk.until(1400) == ["1301 resolved"]


def test_windows_of_the_settings() -> None:
    talk = Talk(quiet=(Quiet(every="13 22 14 11 *", length=300.0, rules=("dns-*",)),))  # NOW is 22:13:20
    talk.hear(dns(0))
    assert talk.until(600) == ["290 triggered"]
    assert talk.notifier.counts == {"quiet": 1}
    with pytest.raises(ValueError, match="window 1"):
        Notifier(NotifySettings(quiet=(Quiet(every="x", length=1.0),)))


def test_a_bad_capture_silences_what_it_makes_doubtful() -> None:
    talk = Talk()
    nobody = Subject()
    talk.hear(dns(0, capture_quality={"missed_share": 0.5}))
    assert talk.until(60) == []
    assert talk.notifier.counts == {"doubtful": 1}
    talk.hear(storm(7, rule="capture-loss", subject=nobody))
    talk.hear(storm(1), storm(2, rule="zero-window"), storm(3, sensor="other"))
    talk.until(120)
    assert {trouble.rule for page in talk.pages for trouble in page.troubles} == {
        "capture-loss",
        "zero-window",
        "retransmission-storm",
    }
    assert talk.notifier.counts == {"doubtful": 1, "inhibited": 1}
    talk.hear(storm(7, "resolved", 30, rule="capture-loss", subject=nobody))
    assert talk.until(200) == ["131 triggered"]  # it goes on, and can be trusted now


def test_what_two_troubles_silence_in_each_other_is_told_once() -> None:
    both = (Inhibition(("a",), ("b",), equal=()), Inhibition(("b",), ("a",), equal=()))
    talk = Talk(inhibitions=both)
    talk.hear(storm(0, rule="a"), storm(1, rule="b"))
    assert talk.until(600) == ["10 triggered"]
    assert talk.notifier.counts == {"inhibited": 1}


def test_more_pages_than_anybody_can_read_are_one_that_counts_them() -> None:
    talk = Talk(pages=3, pages_in=600.0)
    talk.hear(*(storm(number) for number in range(20)))
    assert talk.until(60) == ["10 triggered"] * 4
    last = talk.pages[-1]
    assert (last.page.group, last.page.groups, len(last.troubles)) == (OVERFLOW, 17, 17)
    assert talk.notifier.counts == {"rate": 17}
    assert "17 pages in one" in last.document()["wireverdict"]["subject"]
    talk.hear(*(storm(number, "resolved", 9) for number in range(20)))
    assert talk.until(600) == ["361 resolved"] * 4


def test_what_was_over_long_before_anybody_could_be_told() -> None:
    talk = Talk(stale=3600.0)
    talk.time = 10_000.0
    talk.hear(dns(0), dns(0, "resolved", 9), dns(1))
    assert talk.until(10_100) == ["10010 triggered"]  # one goes on
    other = Talk(stale=3600.0)
    other.time = 10_000.0
    other.hear(dns(0), dns(0, "resolved", 9))
    assert other.until(10_100) == []
    assert other.notifier.counts == {"stale": 1}


def test_what_was_over_before_it_was_told_is_told_if_it_is_fresh() -> None:
    talk = Talk()
    talk.hear(dns(0), dns(0, "resolved", 9))
    assert talk.until(1000) == ["10 triggered", "311 resolved"]


def test_what_is_sent_again_after_a_crash_pages_nobody() -> None:
    talk = Talk()
    life = [dns(0), dns(0, "escalated", 3), dns(0, "resolved", 9)]
    talk.hear(*life)
    told = talk.until(1000)
    talk.hear(*life)
    assert (len(told), talk.until(2000)) == (2, [])
    assert not talk.notifier.pages


def test_an_end_without_a_beginning_is_no_page() -> None:
    talk = Talk()
    talk.hear(dns(0, "resolved", 9))
    assert talk.until(1000) == []
    assert talk.notifier.counts == {"unheard": 1}


def test_a_sensor_that_is_silent_pages_and_speaks_again_with_an_older_clock() -> None:
    talk = Talk()
    talk.hear(storm(0, "fired", 9, rule="sensor-silence", subject=Subject()))
    assert talk.until(60) == ["10 triggered"]
    talk.hear(storm(0, "resolved", 2, rule="sensor-silence", subject=Subject()))
    assert talk.until(1000) == ["361 resolved"]


def test_routes_of_others_and_those_that_come_later() -> None:
    delays = {"dns-loss": 600.0, "retransmission-storm": None}
    talk = Talk(Notifier(NotifySettings(), lambda trouble: delays[trouble.rule]))
    talk.hear(dns(0), storm(0))
    assert talk.until(1000) == ["610 triggered"]
    assert talk.notifier.counts == {"early": 1, "route": 1}


def test_it_forgets_what_has_been_over_for_long() -> None:
    talk = Talk(remember=2000.0, hold_most=300.0)
    talk.hear(dns(0), dns(0, "resolved", 9))
    talk.until(1000)
    assert (talk.notifier.held, len(talk.notifier.past)) == ({}, 1)
    talk.until(4000)
    assert (talk.notifier.held, talk.notifier.past, talk.notifier.memory) == ({}, {}, {})


def test_a_notifier_that_was_restored_goes_on_as_the_first_would_have() -> None:
    steps = [
        (5, dns(0)),
        (40, dns(0, "resolved", 2)),
        (70, dns(0, "fired", 7, begun=60)),
        (300, storm(1)),
        (400, ratio(1)),
    ]
    kept, moved = Talk(update=20.0), Talk(update=20.0)
    told: list[list[str]] = [[], []]
    for time, trouble in [*steps, (2000, dns(0, "resolved", 99, begun=60)), (4000, dns(3))]:
        for number, talk in enumerate((kept, moved)):
            told[number] += talk.until(time)
            talk.hear(trouble)
        fresh = Notifier(moved.notifier.settings)
        load(fresh, dump(moved.notifier))
        assert dump(fresh) == dump(moved.notifier)
        moved.notifier = fresh
    assert told[0] == told[1]
    assert [page.id for page in kept.pages] == [page.id for page in moved.pages]
