"""What every sink has to do, whatever its destination: the contract of sinks/base.py as tests.

A sink's test file makes a subclass with a fixture `stage`. Destinations behind HTTP stand behind a Front, which acts up.
"""

from __future__ import annotations

import abc
from collections import Counter

import pytest

from sinks.base import Document, Kind, Sink, Unavailable
from tests.sinks.front import HANG, LOST, RESET, SLOW, Answer, Front
from tests.sinks.made import connection_documents, page_document, verdict_document

SECRET = "s3cr3t-of-the-tests"


class Stage(abc.ABC):
    """A destination and what it takes to look behind the sink."""

    front: Front

    @abc.abstractmethod
    def sink(self) -> Sink:
        """A new sink for the destination, with SECRET as its secret, if it has one, and time-outs that a busy machine keeps."""

    def hurry(self) -> None:  # noqa: B027 - most are quick anyway
        """The next sink shall have a time-out of a few seconds."""

    @abc.abstractmethod
    def arrived(self) -> Counter[str]:
        """How often each document is there, by its id, as somebody sees it who trusts ids."""

    def refusable(self) -> Document | None:
        """A document that the destination itself will never take; None if there is no such thing."""
        return None


def documents(sink: Sink, count: int = 3) -> list[Document]:
    made = [verdict_document(number) for number in range(count)] if Kind.VERDICT in sink.wants else []
    made += [page_document(number) for number in range(count)] if Kind.PAGE in sink.wants else []
    return [*made, *connection_documents(count)] if Kind.CONNECTION in sink.wants else made


def ids(made: list[Document]) -> Counter[str]:
    return Counter(document.id for document in made)


def _open_and_write(sink: Sink, made: list[Document]) -> None:
    sink.open()
    sink.write(made)


class Conformance:
    """Tests that use only the contract."""

    def test_what_was_written_is_there_once(self, stage: Stage) -> None:
        sink = stage.sink()
        sink.open()
        made = documents(sink)
        assert list(sink.write(made)) == []
        assert stage.arrived() == ids(made)
        assert list(sink.write([])) == []
        assert list(sink.write(made)) == []  # again, as after a crash
        assert stage.arrived() == ids(made)
        sink.close()

    def test_a_new_sink_goes_on_where_a_killed_one_stopped(self, stage: Stage) -> None:
        first, second = stage.sink(), stage.sink()
        first.open()
        made = documents(first)
        first.write(made[:2])
        second.open()
        second.write(made)
        assert stage.arrived() == ids(made)
        second.close()
        first.close()

    def test_closing_is_always_possible(self, stage: Stage) -> None:
        sink = stage.sink()
        sink.close()
        sink.open()
        sink.close()
        sink.close()

    def test_what_is_wanted_is_said(self, stage: Stage) -> None:
        sink = stage.sink()
        assert sink.wants
        assert sink.wants <= set(Kind)
        assert sink.most is None or sink.most >= 1


class HttpConformance(Conformance):
    """For destinations behind HTTP."""

    hears_retry_after = True

    @pytest.mark.parametrize(
        ("fault", "retry_after"),
        [
            (Answer(503, b"busy"), None),
            (Answer(500, b"{"), None),
            (Answer(429, b"slow down", {"Retry-After": "7"}), 7.0),
            (Answer(401, b"who are you?"), None),
            (Answer(302, b"", {"Location": "http://127.0.0.1:1/"}), None),
            (HANG, None),
            (RESET, None),
            (LOST, None),
        ],
        ids=["503", "500", "429", "401", "redirect", "hanging", "reset", "lost answer"],
    )
    def test_a_fault_of_the_destination_is_worth_another_try(
        self, stage: Stage, fault: Answer | str, retry_after: float | None
    ) -> None:
        if fault == HANG:
            stage.hurry()
        sink = stage.sink()
        sink.open()
        made = documents(sink)
        stage.front.faults = [fault]
        with pytest.raises(Unavailable) as told:
            sink.write(made)
        assert told.value.retry_after == (retry_after if self.hears_retry_after else None)
        assert list(told.value.refused) == []
        assert SECRET not in str(told.value)
        rest = made if told.value.rest is None else list(told.value.rest)
        while True:
            try:
                assert list(sink.write(rest)) == []
                break
            except Unavailable as again:  # a busy machine and a short time-out
                assert fault == HANG
                rest = rest if again.rest is None else list(again.rest)
        assert stage.arrived() == ids(made)
        sink.close()

    def test_a_fault_in_the_middle_of_a_batch_loses_nothing(self, stage: Stage) -> None:
        sink = stage.sink()
        sink.open()
        made = documents(sink)
        rest, tries = made, 0
        while rest:
            tries += 1
            stage.front.faults = [Answer(503)] if tries == 1 else []
            try:
                sink.write(rest)
                break
            except Unavailable as error:
                rest = rest if error.rest is None else list(error.rest)
        assert stage.arrived() == ids(made)
        sink.close()

    def test_a_slow_destination_is_waited_for(self, stage: Stage) -> None:
        sink = stage.sink()
        sink.open()
        made = documents(sink)
        stage.front.faults = [SLOW] * 3
        assert list(sink.write(made)) == []
        assert stage.arrived() == ids(made)
        assert stage.front.faults != [SLOW] * 3
        sink.close()

    def test_nobody_listens(self, stage: Stage) -> None:
        sink = stage.sink()
        stage.front.down()
        made = documents(sink)
        with pytest.raises(Unavailable) as told:  # some notice when they open, some when they write
            _open_and_write(sink, made)
        assert SECRET not in str(told.value)
        stage.front.up()
        sink.open()
        assert list(sink.write(made)) == []
        assert stage.arrived() == ids(made)
        sink.close()

    def test_one_bad_document_does_not_keep_the_others(self, stage: Stage) -> None:
        bad = stage.refusable()
        sink = stage.sink()
        sink.open()
        made = documents(sink)
        given = [*made[:1], *([bad] if bad else []), *made[1:]]
        refused = list(sink.write(given))
        assert [each.document for each in refused] == ([bad] if bad else [])
        assert all(each.reason for each in refused)
        assert stage.arrived() == ids(made)
        sink.close()
