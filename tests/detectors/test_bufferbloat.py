"""The detector of bufferbloat: judgements to findings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wireverdict.detectors.bufferbloat import Bufferbloat, BufferbloatSettings
from wireverdict.paths.bufferbloat import Bloat
from wireverdict.paths.layout import FAR, NEAR
from wireverdict.paths.view import LoadCase, PathView
from wireverdict.records import Reason
from wireverdict.verdicts import Finding, Opinion, Severity, rounded

SENDER, RECEIVER = bytes(10) + b"\xff\xff\xc6\x12\x00\x01", bytes(10) + b"\xff\xff\xc6\x12\x00\x02"


def bloat(answer: bool | None = True, loaded: float = 330.0, kappa: float | None = 1.0) -> Bloat:
    return Bloat(answer, Reason.NONE, 10, 8, 20, 30.0, loaded, loaded + 50, kappa, 8e6, 3e5, 7, 16)


def case(found: Bloat, port: int = 5000, part: int = NEAR) -> LoadCase:
    return LoadCase(SENDER, RECEIVER, port, 443, part, found)


def judge(detector: Bufferbloat, *cases: LoadCase, calm: set[tuple[bytes, bytes]] | None = None) -> list[Finding]:
    class View:
        paths = PathView(1_000, 11_000, [], list(cases), calm or set(), 0, {"load_rings_full": 4})

    view: Any = View()
    return list(detector.judge(view))


def test_a_standing_queue_fires_with_its_evidence() -> None:
    (finding,) = judge(Bufferbloat(), case(bloat()))
    assert (finding.rule, finding.opinion, finding.severity) == ("bufferbloat", Opinion.BAD, Severity.WARNING)
    assert finding.subject.text() == "198.18.0.1 > 198.18.0.2/tcp"
    assert (finding.since, finding.until) == (7_000_000_000, 11_000)
    assert finding.evidence["grade"] == "D"
    assert finding.evidence["queue_delay_ms"] == 300
    assert finding.evidence["queue"] == "between the capture point and 198.18.0.2"
    assert finding.capture_quality == {"load_rings_full": 4}
    assert 0.5 < finding.confidence <= 1
    assert "300 ms" in finding.remedy
    json.dumps(rounded(finding.evidence))


def test_the_worst_connection_stands_for_the_path() -> None:
    (finding,) = judge(Bufferbloat(), case(bloat(), 1), case(bloat(loaded=600.0), 2), case(bloat(None, 900.0), 3))
    assert finding.evidence["source_port"] == 2
    assert finding.severity is Severity.CRITICAL


def test_the_other_side_of_the_capture() -> None:
    (finding,) = judge(Bufferbloat(), case(bloat(), part=FAR))
    assert finding.evidence["queue"] == "between 198.18.0.1 and the capture point"


def test_what_is_undecided_or_calm_is_told_of_paths_that_were_bloated_only() -> None:
    detector = Bufferbloat()
    ends = {(SENDER, RECEIVER), (RECEIVER, SENDER)}
    assert judge(detector, case(bloat(None))) == []
    assert judge(detector, calm=ends) == []
    judge(detector, case(bloat()))
    (unknown,) = judge(detector, case(bloat(None, kappa=None)), calm=ends)
    assert unknown.opinion is Opinion.UNKNOWN
    (good,) = judge(detector, calm=ends)
    assert good.opinion is Opinion.GOOD
    assert good.subject.text() == "198.18.0.1 > 198.18.0.2/tcp"


def test_it_is_followed_for_a_while_only_and_across_a_restart() -> None:
    detector = Bufferbloat(BufferbloatSettings(follow=3))
    judge(detector, case(bloat()))
    ends = {(SENDER, RECEIVER)}
    assert judge(detector, calm=ends)
    again = Bufferbloat(BufferbloatSettings(follow=3))
    again.load(json.loads(json.dumps(detector.dump())))
    assert judge(again, calm=ends)
    assert not judge(again, calm=ends)


@pytest.mark.parametrize(("kappa", "least"), [(1.0, 0.89), (0.6, 0.7), (1.9, 0.45)])
def test_confidence_falls_as_kappa_strays(kappa: float, least: float) -> None:
    (finding,) = judge(Bufferbloat(), case(bloat(kappa=kappa)))
    assert least <= finding.confidence <= least + 0.1


def test_without_paths_it_is_silent() -> None:
    class View:
        paths = None

    view: Any = View()
    assert list(Bufferbloat().judge(view)) == []
