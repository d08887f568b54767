"""Explanations of policing and bufferbloat say what ruled other causes out."""

from __future__ import annotations

from tests.explain.real import documents, fired
from wireverdict.explain import paths
from wireverdict.settings import Settings

SETTINGS = Settings()


def test_policing_is_told_from_a_queue() -> None:
    evidence = fired("policing")["wireverdict"]["evidence"]
    made = paths.policing(evidence, SETTINGS)
    waiting = next(check for check in made.checks if check.what.startswith("waiting at losses"))
    bucket = 8000 * evidence["burst_bytes"] / evidence["rate_bps"]
    assert waiting.bound == max(SETTINGS.paths.policing.queue_delay, SETTINGS.paths.policing.queue_share * bucket)
    assert waiting.value < waiting.bound
    assert "Mbit/s fit nearly as well" in made.next_steps[0]


def test_a_bucket_that_others_share_is_held_to_its_own_thresholds() -> None:
    evidence = fired("policing")["wireverdict"]["evidence"] | {
        "part_of_traffic_unseen": True,
        "losses_explained_share": 0.2,
    }
    made = paths.policing(evidence, SETTINGS)
    names = {check.setting: check for check in made.checks}
    assert names["paths.policing.partial_share"].met
    assert "paths.policing.policed_share" not in names
    assert "paths.policing.policed_rank" not in names
    assert any("rate is approximate" in text for text in made.rule)


def test_without_a_fit_there_is_nothing_to_divide_by() -> None:
    made = paths.policing({"lost_packets": 3, "passed_packets": 40, "loss_episodes": 1}, SETTINGS)
    assert not made.checks[0].met


def test_bufferbloat_says_where_and_how_large() -> None:
    for document in documents("bufferbloat-down.client"):
        evidence = document["wireverdict"]["evidence"]
        made = paths.bufferbloat(evidence, SETTINGS)
        assert f"The queue stands {evidence['queue']}." in made.next_steps
        assert any("that is a buffer of 50 kB" in text or "that is a buffer of 4" in text for text in made.changes)


def test_an_unknown_base_is_no_division_by_zero() -> None:
    made = paths.bufferbloat({"kappa": None}, SETTINGS)
    assert [check.value for check in made.checks] == [0.0] * 6
    assert made.next_steps == []
