"""When silences hold, and for whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.notify.silences import Silence, check, recurs, standing
from tests.sinks.notify.made import NOW, dns, storm
from wireverdict.notifying import Quiet, Selection

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-22T21:59:59", False),  # a Sunday
        ("2026-11-22T22:00:00", True),
        ("2026-11-23T00:59:59", True),
        ("2026-11-23T01:00:00", False),
        ("2026-11-23T22:30:00", False),
    ],
)
def test_a_window_of_every_week(now: str, expected: bool) -> None:
    assert recurs("0 22 * * SUN", 3 * 3600, "Europe/Berlin", at(now)) is expected


def test_clocks_that_are_put_forward_and_back() -> None:
    # 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
    assert recurs("30 1 * * *", 3600, "Europe/Berlin", at("2026-03-29T03:15:00"))
    assert not recurs("30 1 * * *", 3600, "Europe/Berlin", at("2026-03-29T03:30:00"))
    assert recurs("30 2 * * *", 3600, "Europe/Berlin", at("2026-10-25T02:15:00", fold=1))
    assert not recurs("30 2 * * *", 3600, "Europe/Berlin", at("2026-10-25T02:30:00", fold=1))


@given(st.integers(0, 59), st.integers(0, 23), st.integers(60, 86_000), st.integers(0, 366 * 86_400))
def test_a_window_of_every_day_in_utc_is_arithmetic(minute: int, hour: int, length: int, moment: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(seconds=moment)
    begun = now.replace(hour=hour, minute=minute, second=0)
    begun -= timedelta(days=begun > now)
    expected = (now - begun).total_seconds() < length
    assert recurs(f"{minute} {hour} * * *", length, "UTC", now.timestamp()) is expected


def test_every_minute() -> None:
    assert recurs("* * * * *", 60, "UTC", NOW)
    assert [recurs("* * * * *", 30, "UTC", at(f"2026-01-01T00:00:{second}")) for second in (10, 40)] == [True, False]


def test_when_one_holds_and_when_it_is_over() -> None:
    once = Silence("x", Selection(), 10.0, 20.0)
    assert [once.active(now) for now in (9.0, 10.0, 19.9, 20.0)] == [False, True, True, False]
    assert [once.over(now) for now in (9.0, 20.0)] == [False, True]
    assert Silence("x", Selection(), 10.0).active(1e12)


def test_whom_it_covers() -> None:
    def covers(**given: object) -> bool:
        return Silence("x", Selection(**given), 0.0).covers(dns(0))  # type: ignore[arg-type]

    assert covers()
    assert covers(rules=("dns-*",), sensors=("g?",), networks=("192.0.2.0/24",))
    assert not covers(rules=("dns-*",), sensors=("other",))
    assert not covers(labels={"site": "fra"})
    assert Silence("x", Selection(), 0.0, subject="198.51.0.4 ").covers(storm(3))
    assert not Silence("x", Selection(), 0.0, subject="198.51.0.4 ").covers(storm(4))


@pytest.mark.parametrize(
    ("every", "length", "zone", "words"),
    [
        ("0 22 * *", 60.0, "UTC", "not as cron"),
        ("0 0 31 2 *", 60.0, "UTC", "never comes"),
        ("0 22 * * *", 0.0, "UTC", "length"),
        ("0 22 * * *", 60.0, "Middle/Earth", "time zone"),
    ],
)
def test_what_cannot_be(every: str, length: float, zone: str, words: str) -> None:
    assert words in check(every, length, zone)
    with pytest.raises(ValueError, match=words):
        standing((Quiet(every=every, length=length, zone=zone),))
    assert Silence("x", Selection(), 10.0, 10.0).why_not() == "it ends before it begins"
    assert Silence("x", Selection(), 10.0, 11.0).why_not() == ""


def test_windows_of_the_settings_are_silences() -> None:
    (made,) = standing((Quiet(every="0 22 * * *", length=60.0, rules=("a",), comment="why"),))
    assert (made.what, made.every, made.comment) == (Selection(rules=("a",)), "0 22 * * *", "why")
