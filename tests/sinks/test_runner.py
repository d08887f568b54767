"""Several sinks in one process, and trying one out."""

from __future__ import annotations

import threading

import pytest

from sinks import registry
from sinks.base import Kind, Sink, Unavailable
from sinks.notify.loop import Loop
from sinks.runner import Runner, try_out
from tests.sinks.bus import Book, committed, new_bus, send_verdicts, until
from tests.sinks.made import verdict
from wireverdict.settings import Settings

pytestmark = pytest.mark.services


def test_a_sink_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = Book(), Book()
    bad.faults = [RuntimeError("a bug")]
    sinks: dict[str, Sink] = {"good": good, "bad": bad}
    monkeypatch.setattr(registry, "make", lambda name, settings: sinks[name])
    bus = new_bus()
    settings = Settings(bus=bus)
    names = send_verdicts(bus, [verdict(number) for number in range(3)])
    stop = threading.Event()
    runner = Runner(["good", "bad", "good"], settings, stop)
    thread = threading.Thread(target=runner.run)
    thread.start()
    until(lambda: "bad" in runner.failed)
    until(lambda: committed(bus, "good") == 3)
    stop.set()
    thread.join(60)
    assert runner.failed == {"bad": "RuntimeError: a bug"}
    assert good.written == names
    assert (good.closed, bad.closed) == (True, True)


def test_a_sink_does_not_go_on_without_its_notifier(monkeypatch: pytest.MonkeyPatch) -> None:
    pager, other = Book(frozenset({Kind.PAGE})), Book()
    sinks: dict[str, Sink] = {"pager": pager, "other": other}
    monkeypatch.setattr(registry, "make", lambda name, settings: sinks[name])

    def fail(loop: Loop) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Loop, "run", fail)
    stop = threading.Event()
    runner = Runner(["pager", "other"], Settings(bus=new_bus()), stop)
    thread = threading.Thread(target=runner.run)
    thread.start()
    until(lambda: pager.closed)
    assert not other.closed
    stop.set()
    thread.join(60)
    assert runner.failed == {"pager": "RuntimeError: a bug"}
    assert other.closed


@pytest.mark.parametrize(
    ("prepare", "good", "words"),
    [
        (lambda book: None, True, "delivered 2 documents in "),
        (lambda book: book.faults.append(Unavailable("nobody there")), False, "not delivered: nobody there"),
        (lambda book: setattr(book, "refuses", All()), False, "refused 2 of 2 documents: not wanted"),
    ],
)
def test_trying_out(prepare, good: bool, words: str) -> None:  # type: ignore[no-untyped-def]
    book = Book()
    prepare(book)
    worked, told = try_out(book)
    assert worked is good
    assert told.startswith(words)
    assert book.closed


class All(set[str]):
    def __contains__(self, name: object) -> bool:
        return True
