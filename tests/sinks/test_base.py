"""Documents and what sinks say of them."""

from __future__ import annotations

from sinks.base import Refused, Unavailable
from tests.sinks.made import verdict, verdict_document


def test_a_document_reads_itself() -> None:
    document = verdict_document(3)
    assert document.value()["wireverdict"]["fingerprint"] == verdict(3).fingerprint


def test_unavailable_says_what_is_left() -> None:
    one, two = verdict_document(1), verdict_document(2)
    error = Unavailable("busy", rest=[one], refused=[Refused(two, "bad")], retry_after=3.0)
    assert (str(error), error.rest, error.refused, error.retry_after) == ("busy", [one], [Refused(two, "bad")], 3.0)
    assert (Unavailable("x").rest, list(Unavailable("x").refused)) == (None, [])
