from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from streams.turns import Room, Turns


def test_each_line_is_done_in_order_by_one_thread_at_a_time() -> None:
    with ThreadPoolExecutor(4) as threads:
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
    with ThreadPoolExecutor(1) as threads:
        turns, held, begun, order = Turns(threads, Room(10)), threading.Event(), threading.Event(), []
        turns.add(lambda: (begun.set(), held.wait(30.0)))  # type: ignore[arg-type, func-returns-value]
        assert begun.wait(30.0)
        turns.add(lambda: order.append("waits"))
        turns.add(lambda: order.append("first"), first=True)
        held.set()
    assert order == ["first", "waits"]


def test_a_line_that_is_closed_does_nothing_more_and_gives_its_room_back() -> None:
    with ThreadPoolExecutor(1) as threads:
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
