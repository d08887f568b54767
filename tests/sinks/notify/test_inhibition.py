"""What silences what."""

from __future__ import annotations

from sinks.notify.inhibition import Sources, rules
from tests.sinks.notify.made import dns, ratio, storm
from wireverdict.notifying import Inhibition, NotifySettings
from wireverdict.verdicts import Severity, Subject


def sources(*troubles: object, settings: NotifySettings | None = None) -> Sources:
    made = Sources(rules(settings or NotifySettings()))
    for trouble in troubles:
        made.add(trouble)  # type: ignore[arg-type]
    return made


def test_a_dead_resolver_silences_what_is_behind_it() -> None:
    made = sources(dns(0))
    assert made.over(ratio(5)) == "dns-loss 192.0.2.1 > port 53/udp"
    assert made.over(dns(5)) == ""
    assert made.over(ratio(5, sensor="other")) == ""
    assert made.over(ratio(5, subject=Subject(destination_port=443))) == ""
    assert made.over(ratio(5, rule="slow-names")) != ""
    assert sources(dns(0, severity=Severity.WARNING)).over(ratio(5)) == ""


def test_a_bad_capture_silences_what_counts_what_is_missing() -> None:
    made = sources(storm(0, rule="capture-loss", subject=Subject()))
    assert made.over(dns(0)) == "capture-loss"
    assert made.over(storm(0, rule="bufferbloat")) == ""


def test_what_is_over_silences_nothing_and_nothing_silences_itself() -> None:
    given = NotifySettings(
        inhibitions=(Inhibition(("a*",), ("a*",), equal=("label:site",)),), default_inhibitions=False
    )
    one, other = storm(0, rule="a1"), storm(1, rule="a2")
    made = sources(one, settings=given)
    assert (made.over(one), bool(made.over(other))) == ("", True)
    made.drop(one)
    made.drop(one)
    assert made.over(other) == ""
    assert sources(dns(0), settings=given).over(ratio(0)) == ""
