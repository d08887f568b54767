from __future__ import annotations

import asyncio
import threading

import pytest

from streams.turns import Crew, Early, Room, Turns


def test_each_line_is_done_in_order_by_one_thread_at_a_time() -> None:
    with Crew(4) as threads:
        lines = [Turns(threads, Room(10**6)) for _ in range(3)]
        inside, done, overlaps = [0] * 3, [[] for _ in range(3)], []  # type: ignore[var-annotated]

        def thing(line: int, number: int) -> None:
            inside[line] += 1
            overlaps.append(inside[line] > 1)
            done[line].append(number)
            inside[line] -= 1

        for number in range(500):
            for line in range(3):
                assert lines[line].add(lambda line=line, number=number: thing(line, number))  # type: ignore[misc]
        ended = threading.Barrier(4)
        for line in range(3):
            lines[line].add(lambda: (ended.wait(), None)[1])
        ended.wait(30.0)
    assert done == [list(range(500))] * 3
    assert not any(overlaps)


def test_what_comes_first_overtakes_what_waits() -> None:
    with Crew(1) as threads:
        turns, held, begun, order = Turns(threads, Room(10)), threading.Event(), threading.Event(), []
        turns.add(lambda: (begun.set(), held.wait(30.0)))  # type: ignore[arg-type, func-returns-value]
        assert begun.wait(30.0)
        turns.add(lambda: order.append("waits"))
        turns.add(lambda: order.append("first"), first=True)
        held.set()
    assert order == ["first", "waits"]


def test_a_line_that_is_closed_does_nothing_more_and_gives_its_room_back() -> None:
    with Crew(1) as threads:
        room = Room(10)
        turns, held, begun, done = Turns(threads, room), threading.Event(), threading.Event(), []
        turns.add(lambda: (begun.set(), held.wait(30.0)), counts=True)  # type: ignore[arg-type, func-returns-value]
        assert begun.wait(30.0)
        for _ in range(5):
            turns.add(lambda: done.append(1), counts=True)
        assert room.taken == 6
        turns.close()
        assert turns.add(lambda: done.append(2)) is False
        held.set()
    assert done == []
    assert room.taken == 0


def test_whoever_brings_more_waits_while_there_is_no_room() -> None:
    async def play() -> list[str]:
        room, told = Room(4), []
        room.add(4)

        async def bring() -> None:
            await room.wait()
            told.append("room")

        bringing = asyncio.create_task(bring())
        await asyncio.sleep(0)
        told.append("full")
        room.add(-1)
        await bringing
        return told

    assert asyncio.run(play()) == ["full", "room"]


def test_a_crew_knows_whether_a_thread_has_nothing_to_do() -> None:
    held = threading.Event()
    with Crew(2) as threads:
        assert threads.spare
        first = threads.submit(held.wait, 30.0)
        assert threads.spare
        others = [threads.submit(held.wait, 30.0) for _ in range(2)]
        assert not threads.spare  # one waits
        held.set()
        assert [each.result(30.0) for each in (first, *others)] == [True] * 3
        ended = threading.Event()
        others[1].add_done_callback(lambda future: ended.set())
        assert ended.wait(30.0)
    assert threads.spare


def test_what_is_done_early_is_done_once() -> None:
    def make() -> int:
        made.append(1)
        return 7

    made: list[int] = []
    early = Early(make)
    early.ahead()
    assert early.value() == early.value() == 7
    assert made == [1]


def test_what_goes_wrong_early_is_told_in_its_turn() -> None:
    def fail() -> None:
        raise ValueError("no")

    early = Early(fail)
    early.ahead()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            early.value()


def test_the_next_thing_is_begun_while_the_one_before_is_done_if_a_thread_is_free() -> None:
    begun, queued, ended = threading.Event(), threading.Event(), threading.Event()
    with Crew(2) as threads:
        turns, order = Turns(threads, Room(10)), []
        early = Early(lambda: (order.append("early"), begun.set()))  # type: ignore[func-returns-value]
        turns.add(lambda: (queued.wait(30.0), None)[1])
        turns.add(lambda: order.append("before" if begun.wait(30.0) else "alone"))
        turns.add(lambda: (early.value(), order.append("turn"))[1], early=early)  # type: ignore[func-returns-value]
        turns.add(ended.set)
        queued.set()
        assert ended.wait(30.0)
    assert order == ["early", "before", "turn"]


def test_no_thread_is_waited_for_to_begin_early() -> None:
    with Crew(1) as threads:
        turns, order, queued, ended = Turns(threads, Room(10)), [], threading.Event(), threading.Event()
        early = Early(lambda: order.append("made"))
        turns.add(lambda: (queued.wait(30.0), None)[1])
        turns.add(lambda: order.append("before"))
        turns.add(lambda: (early.value(), order.append("turn"))[1], early=early)  # type: ignore[func-returns-value]
        turns.add(ended.set)
        queued.set()
        assert ended.wait(30.0)
    assert order == ["before", "made", "turn"]
    assert turns.idle
