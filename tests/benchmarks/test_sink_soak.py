"""The short form of `make sink-soak`: what is sent is there once, though the sink is killed."""

from __future__ import annotations

import pytest

from benchmarks.sink_soak import found, run
from tests.services.places import once
from tests.sinks.searching import fetch

pytestmark = pytest.mark.services


def test_nothing_is_lost_or_doubled() -> None:
    made = run(records=12_000, verdicts=1_000, kills=3, compared=2_000, seed=7)
    assert (made.documents, made.missing, made.others, made.kills) == (13_000, 0, 0, 3)
    assert min(made.rate, made.helper, made.sink) > 0


def test_what_is_missing_and_what_is_too_much_is_seen() -> None:
    url = once("elasticsearch")["url"]
    for name in "abc":
        fetch(f"{url}/soak-check/_doc/{name}", "PUT", {"x": 1})
    assert found(url, "soak-check", ["a", "b", "z"]) == (2, 3)
