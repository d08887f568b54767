"""Labels: how they are read, and of whom they speak."""

from __future__ import annotations

import pytest

from tests.backtest.making import SECOND, incident
from wireverdict.backtest.labels import LabelError, moment, read_labels
from wireverdict.verdicts import Subject

CSV = """who,what,from,to,where,expect,group,note
192.0.2.1 > *,dns-loss|new-flow-loss,2026-11-23T07:01:21Z,2026-11-23T08:01:21+01:00,edge*,fires,one,by hand
,*,,,,never,,
"""


def test_csv() -> None:
    first, second = read_labels(CSV, "labels.csv")
    assert (first.who, first.what, first.where, first.group) == (
        "192.0.2.1 > *",
        "dns-loss|new-flow-loss",
        "edge*",
        "one",
    )
    assert first.begin == first.end == 1795417281 * SECOND
    assert (second.who, second.begin, second.end, second.where, second.expect) == ("*", None, None, "*", "never")


@pytest.mark.parametrize(
    "text",
    [
        '[{"who": "192.0.2.1", "what": "dns-loss", "from": 10.25, "to": "20"}]',
        '{"who": "192.0.2.1", "what": "dns-loss", "from": "10.25", "to": 20}\n\n',
    ],
)
def test_json_and_json_lines(text: str) -> None:
    (found,) = read_labels(text, "labels.json")
    assert (found.begin, found.end) == (10_250_000_000, 20 * SECOND)
    assert found.expect == "fires"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("who,what\n", "missing: from, to"),
        ("who,what,from,to,colour\na,b,,,red\n", "label 1: there is no column colour"),
        ("who,what,from,to\n,,1,2\n", "`what` is empty"),
        ("who,what,from,to\n,x,5,2\n", "ends before it begins"),
        ("who,what,from,to\n,x,noon,\n", "'noon' is neither a time"),
        ("who,what,from,to\n,x,2026-11-23T07:01:21,\n", "no time zone"),
        ("who,what,from,to\nsomebody,x,,\n", "'somebody' in `who` is no address"),
        ("who,what,from,to,expect\n,x,,,perhaps\n", "it must be fires, may or never"),
        ("[1]", "a label is an object"),
        ('{"event": {"dataset": "wireverdict.verdict"}}', "a verdict that lacks something"),
        ('{"who": ', "labels"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        read_labels(text, "labels")


def test_moments() -> None:
    assert moment("1795417281.000000001", "") == 1795417281 * SECOND + 1
    assert moment(0, "") == 0
    assert moment("", "") is None
    with pytest.raises(LabelError, match="here"):
        moment("1.x", "here")


@pytest.mark.parametrize(
    ("who", "subject", "concerned"),
    [
        ("*", Subject(), True),
        ("192.0.2.1", Subject("192.0.2.1", "198.51.100.7", 53), True),
        ("198.51.100.7:53", Subject("192.0.2.1", "198.51.100.7", 53), True),
        ("198.51.100.7:54", Subject("192.0.2.1", "198.51.100.7", 53), False),
        ("192.0.2.0/24", Subject("192.0.2.1"), True),
        ("192.0.3.0/24", Subject("192.0.2.1"), False),
        ("192.0.2.1", Subject(), False),
        ("192.0.2.1 > 198.51.100.7:53", Subject("192.0.2.1", "198.51.100.7", 53), True),
        ("192.0.2.1 >", Subject("192.0.2.1", "198.51.100.7", 53), False),
        ("192.0.2.1 >", Subject("192.0.2.1", "", 53), True),
        ("192.0.2.1 > *", Subject("192.0.2.1", "198.51.100.7", 53), True),
        ("> 198.51.100.7", Subject("", "198.51.100.7", 53), True),
        ("* > 198.51.100.7", Subject("", "198.51.100.7", 53), True),
        ("2001:db8::/32 > [2001:db8::7]:53", Subject("2001:db8::1", "2001:db8::7", 53), True),
        ("192.0.2.0/24", Subject("2001:db8::1"), False),
    ],
)
def test_whom_a_label_concerns(who: str, subject: Subject, concerned: bool) -> None:
    (one,) = read_labels(f"who,what,from,to\n{who},dns-loss,,\n", "labels")
    assert one.concerns(incident(20, subject=subject)) is concerned


def test_which_detector_and_where() -> None:
    (one,) = read_labels("who,what,from,to,where\n*,dns-loss|policing,,,a-*\n", "labels")
    assert one.concerns(incident(20, rule="policing", place="a-1"))
    assert not one.concerns(incident(20, rule="bufferbloat", place="a-1"))
    assert not one.concerns(incident(20, rule="policing", place="b-1"))
