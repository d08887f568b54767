from __future__ import annotations

from streams.silence import SECOND, Silence


def told(silence: Silence, sensor: str, seconds: float, ended: bool = False) -> list[tuple[str, str, float]]:
    verdicts = silence.heard(sensor, round(seconds * SECOND), ended)
    return [(name, str(verdict.status), verdict.evidence["silent_s"]) for name, verdict in verdicts]


def test_who_stays_behind_is_silent_once_and_until_it_speaks_again() -> None:
    silence = Silence(30.0)
    assert told(silence, "one", 100) == []
    assert told(silence, "two", 130) == []
    assert told(silence, "two", 131) == [("one", "firing", 31.0)]
    assert told(silence, "two", 190) == []
    assert told(silence, "one", 185) == [("one", "resolved", 85.0)]
    assert told(silence, "two", 216) == [("one", "firing", 31.0)]


def test_who_speaks_with_an_old_clock_is_still_behind() -> None:
    silence = Silence(30.0)
    told(silence, "two", 200)
    assert told(silence, "one", 100) == [("one", "firing", 100.0)]
    assert told(silence, "one", 101) == [("one", "resolved", 1.0), ("one", "firing", 99.0)]


def test_who_has_ended_is_not_missed() -> None:
    silence = Silence(30.0)
    told(silence, "one", 100)
    assert told(silence, "one", 101, ended=True) == []
    assert told(silence, "two", 1_000) == []


def test_without_a_limit_nobody_is_silent() -> None:
    silence = Silence(0.0)
    assert told(silence, "one", 100) == told(silence, "two", 10**6) == []


def test_memory_survives() -> None:
    silence, copy = Silence(30.0), Silence(30.0)
    told(silence, "one", 100)
    told(silence, "two", 131)
    copy.load(silence.dump())
    assert told(copy, "two", 150) == []
    assert told(copy, "one", 150) == [("one", "resolved", 50.0)]


def test_the_same_step_has_the_same_id() -> None:
    def ids() -> list[str]:
        silence = Silence(1.0)
        silence.heard("one", 0, False)
        return [verdict.id for _, verdict in silence.heard("two", 5 * SECOND, False)]

    assert ids() == ids() != []
