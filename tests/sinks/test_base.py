"""Documents and what sinks say of them."""

from __future__ import annotations

import pytest

from sinks.base import Refused, Unavailable, slices
from tests.sinks.made import verdict, verdict_document


def test_a_document_reads_itself() -> None:
    document = verdict_document(3)
    assert document.value()["wireverdict"]["fingerprint"] == verdict(3).fingerprint


def test_unavailable_says_what_is_left() -> None:
    one, two = verdict_document(1), verdict_document(2)
    error = Unavailable("busy", rest=[one], refused=[Refused(two, "bad")], retry_after=3.0)
    assert (str(error), error.rest, error.refused, error.retry_after) == ("busy", [one], [Refused(two, "bad")], 3.0)
    assert (Unavailable("x").rest, list(Unavailable("x").refused)) == (None, [])


@pytest.mark.parametrize(
    ("most", "octets", "expected"), [(2, 10**9, [2, 2, 1]), (10, 1, [1] * 5), (10, 10**9, [5]), (1, 0, [1] * 5)]
)
def test_batches_are_bounded_by_count_and_bytes(most: int, octets: int, expected: list[int]) -> None:
    documents = [verdict_document(number) for number in range(5)]
    made = list(slices(documents, most, octets))
    assert [len(part) for part in made] == expected
    assert [document for part in made for document in part] == documents
    size = len(documents[0].body)
    assert all(len(part) == 1 or sum(len(d.body) for d in part) <= max(octets, size) for part in made)
