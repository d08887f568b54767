"""What a destination is tried with."""

from __future__ import annotations

from sinks.base import Kind
from sinks.messages import documents
from sinks.sample import ORIGIN, samples

NOW = 1_700_000_000_123_456_789


def test_a_test_fires_and_resolves_and_changes_nothing_else() -> None:
    fired, resolved, triggered, over, record = samples(frozenset(Kind), NOW)
    values = [document.value() for document in (fired, resolved, record)]
    assert [value["wireverdict"]["status"] for value in values[:2]] == ["firing", "resolved"]
    assert values[0]["wireverdict"]["incident"] == values[1]["wireverdict"]["incident"]
    assert {value["observer"]["name"] for value in values} == {"wireverdict-test"}
    assert record.id == values[2]["event"]["id"]
    assert len({fired.id, resolved.id, record.id}) == 3
    assert samples(frozenset(Kind), NOW) == [fired, resolved, triggered, over, record]


def test_only_what_is_wanted_and_as_it_would_come_from_kafka() -> None:
    made = samples(frozenset({Kind.VERDICT}), NOW)
    assert [document.kind for document in made] == [Kind.VERDICT] * 2
    for document in made:
        assert documents(Kind.VERDICT, ORIGIN, document.key, document.body, None) == [document]
