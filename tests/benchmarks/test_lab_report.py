"""Tables of the lab: scores count what they say, and changed thresholds change verdicts."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks import lab_report
from benchmarks.detection_report import DOCS, replace
from benchmarks.lab_report import BLOAT, VARIED, Score, Variant, changed, detector_of, score_bloat, score_windows
from tests.lab.judge import analyse
from tests.lab.scenario import CAPTURES, load
from wireverdict.settings import DetectorSettings, Settings


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(lab_report, "names", lambda: list(names))


def test_every_threshold_of_the_tables_exists() -> None:
    for section, thresholds in VARIED.items():
        assert set(thresholds) <= set(getattr(DetectorSettings(), section).__struct_fields__)
    assert set(BLOAT) <= set(Settings().paths.bufferbloat.__struct_fields__)


def test_changed_thresholds_stay_what_they_are() -> None:
    mine = DetectorSettings().dns_loss
    assert changed(mine, "min_attempts", 0.5).min_attempts == 10
    assert changed(mine, "min_attempts", 0.01).min_attempts == 1
    assert changed(mine, "critical", 2.0).critical == 0.999
    assert detector_of(Variant("dns_loss", "warning", 2.0)).settings.warning == 0.2  # type: ignore[attr-defined]


def test_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "dns-one-dead", "zero-window-server")
    usual, deaf = Variant("zero_window", "", 1.0), Variant("zero_window", "warning_share", 4.9)
    dns = Variant("dns_loss", "", 1.0)
    scores = score_windows([usual, deaf, dns])
    assert scores == {usual: Score(2, 0), deaf: Score(0, 0), dns: Score(1, 0)}
    assert str(scores[usual]) == "2, 0"


def test_what_nothing_explains_is_counted() -> None:
    scenario = msgspec.structs.replace(load("dns-one-dead"), expect=(), also={})
    truth = next(t for s, view, t in lab_report.captures() if s.name == "dns-one-dead" and view == "client")
    verdicts = analyse(CAPTURES / "dns-one-dead.client.pcap.xz").verdicts
    score = Score()
    score.add(scenario, "client", truth, [v for v in verdicts if v.rule == "dns-loss"], "dns-loss")
    assert score == Score(0, 1)


def test_bloat(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "bufferbloat-up", "short-queue")
    assert score_bloat("", 1.0) == Score(2, 0)
    assert score_bloat("kappa_low", 2.0) == Score(0, 0)


def test_the_lab_table(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "dns-one-dead")
    ((name, about, client, server),) = lab_report.lab_table()
    assert (name, server) == ("`dns-one-dead`", "–")
    assert about == load("dns-one-dead").about
    assert client.startswith("dns-loss +")


def test_tables_have_their_places_in_the_documents() -> None:
    for page, name in (("detection.md", "lab"), ("detection-paths.md", "policing")):
        text = (DOCS / page).read_text(encoding="utf-8")
        assert replace(text, name, "new").count(f"<!-- {name} -->\nnew\n<!-- /{name} -->") == 1
    with pytest.raises(ValueError, match="substring not found"):
        replace("nothing", "lab", "new")
