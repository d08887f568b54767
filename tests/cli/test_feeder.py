"""What feeds a watcher: every frame once, pictures when they are due, pauses, filters, paces."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from producers.timeline import open_timeline
from tests.headers import DEMO, SETTINGS
from wireverdict.cli.feeder import Feeder, at_rate, sliced
from wireverdict.compose import pipeline
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.watch.filters import Filter
from wireverdict.watch.picture import Losses, Picture
from wireverdict.watch.watcher import Watcher


def demo(size: int = 2_048) -> Iterator[FrameBatch]:
    yield from open_timeline([str(DEMO)], batch=size)


def fed(**options: object) -> tuple[Feeder, list[Picture]]:
    shown: list[Picture] = []
    return Feeder(Watcher(pipeline(SETTINGS)), demo(), shown.append, **options), shown  # type: ignore[arg-type]


def test_it_ends_with_a_picture_of_the_end() -> None:
    feeder, shown = fed(losses=lambda: Losses(dropped=7))
    feeder.run()
    assert shown[-1].over
    assert (shown[-1].packets, shown[-1].ended, shown[-1].losses.dropped) == (16_990, 8_266, 7)
    assert feeder.watcher.fired == 4


def test_it_can_be_stopped() -> None:
    feeder, shown = fed()
    feeder.heard = feeder.stop
    feeder.run()
    assert feeder.watcher.rates.packets <= 2_048
    assert not feeder.watcher.over
    assert all(not picture.over for picture in shown)
    feeder.linger()


def test_a_filter_is_answered_after_the_end_too() -> None:
    feeder, shown = fed()

    def both() -> None:
        feeder.run()
        feeder.linger()

    thread = threading.Thread(target=both)
    answered = threading.Event()

    def show(picture: Picture) -> None:
        shown.append(picture)
        if picture.over and len(picture.pairs.out) == 1:
            answered.set()

    feeder.show = show
    thread.start()
    feeder.change(Filter("host 198.19.8.4"), False)
    assert answered.wait(60)
    feeder.stop()
    thread.join(60)
    assert not thread.is_alive()


def test_a_pause_holds_a_file_and_not_an_interface() -> None:
    for held in (True, False):
        feeder, shown = fed(held=held)
        paused = threading.Event()

        def show(picture: Picture, shown: list[Picture] = shown, paused: threading.Event = paused) -> None:
            shown.append(picture)
            paused.set()

        feeder.show = show
        feeder.change(None, True)
        thread = threading.Thread(target=feeder.run)
        thread.start()
        assert paused.wait(60)
        if held:
            assert not shown[-1].over
            before = feeder.watcher.rates.packets
            feeder.change(Filter("udp"), True)
            feeder.change(None, False)
            thread.join(60)
            assert before < 16_990
        thread.join(60)
        assert shown[-1].over
        assert feeder.watcher.rates.packets == 16_990


def test_expensive_pictures_come_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    feeder, shown = fed()
    clock = [100.0, 0.0]
    monkeypatch.setattr("wireverdict.cli.feeder.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("wireverdict.cli.feeder.time.thread_time", lambda: clock[1])
    feeder.look()
    assert feeder._due == 100.5

    def show(picture: Picture) -> None:
        clock[1] += 0.3

    feeder.show = show
    feeder.look()
    assert feeder._due == pytest.approx(115)
    assert len(shown) == 1


def test_paces() -> None:
    frames = np.zeros(4, FRAME)
    frames["ts"] = np.array([10.0, 10.05, 10.31, 40.0]) * 1e9
    batch = FrameBatch(np.zeros(0, np.uint8), frames)
    assert [len(part.frames) for part in at_rate([batch], "max", lambda: False)] == [3, 1]
    assert [len(part.frames) for part in at_rate([batch], "1000", lambda: False)] == [2, 1, 1]
    assert [len(part.frames) for part in at_rate([batch], "real", lambda: True)] == [2, 1, 1]
    for rate in ("fast", "0", "-1", "nan", ""):
        with pytest.raises(ValueError, match="--rate"):
            at_rate([batch], rate, lambda: False)


def test_slices_hold_every_frame_in_order() -> None:
    whole = np.concatenate([batch.frames.copy() for batch in demo()])
    parts = [part.frames.copy() for batch in demo() for part in sliced([batch], 10**9)]
    assert np.array_equal(np.concatenate(parts)["ts"], whole["ts"])
    assert len(parts) > 90
    assert sum(len(part.frames) for part in sliced([FrameBatch(np.zeros(0, np.uint8), whole[:0])])) == 0
