"""One request for several documents: which of them is the bad one?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from sinks.base import Document, Unavailable
from sinks.posting import Call, PostingSink
from tests.sinks.front import Answer, Front, Request
from tests.sinks.made import verdict_document
from wireverdict.sinking import HttpSettings


class Pairs(PostingSink):
    """Two documents in a request, their ids as the body."""

    url = ""

    def calls(self, documents: Sequence[Document]) -> Iterator[Call]:
        for at in range(0, len(documents), 2):
            part = documents[at : at + 2]
            yield Call(part, self.url, ",".join(document.id for document in part).encode(), {})


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front(lambda request: Answer(200))
    yield made
    made.close()


def test_the_bad_one_of_several_is_found(front: Front) -> None:
    made = [verdict_document(number) for number in range(5)]
    bad = made[2].id.encode()

    def upstream(request: Request) -> Answer:
        return Answer(400, b"bad") if bad in request.body else Answer(200)

    front.upstream = upstream
    sink = Pairs(HttpSettings(timeout=2.0))
    sink.url = front.url
    assert [each.document for each in sink.write(made)] == [made[2]]
    assert [request.body.count(b",") for request in front.requests] == [1, 1, 0, 0, 0]
    sink.close()


def test_what_was_not_sent_is_left(front: Front) -> None:
    made = [verdict_document(number) for number in range(6)]
    sink = Pairs(HttpSettings(timeout=2.0))
    sink.url = front.url
    sink.open()
    front.faults = [Answer(200), Answer(503)]
    with pytest.raises(Unavailable) as told:
        sink.write(made)
    assert told.value.rest == made[2:]
    assert list(sink.write(made[2:])) == []
    sink.close()
