"""Whatever a detector of others does, it is told in a sentence and nothing else suffers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.detectors.others import Busy, BusySettings, finding, saying
from tests.detectors.views import Maker
from wireverdict.detectors.guard import DetectorFailed, Guard, described
from wireverdict.verdicts import Opinion, Subject

VIEW = Maker().view()


def broken(view: Any) -> Any:
    return [finding(view), 1 / 0]


def one(view: Any, **fields: Any) -> Any:
    return [finding(view, **fields)]


def half(view: Any) -> Any:
    yield finding(view)
    raise KeyError("x")


def test_a_good_detector_is_passed_on() -> None:
    guard = Guard(Busy(BusySettings()))
    assert guard.name == "busy-window"
    assert guard.judge(VIEW) == [finding(VIEW)]
    assert Guard(saying(lambda view: None)).judge(VIEW) == []


def test_numbers_of_numpy_become_plain_ones() -> None:
    odd = {"n": np.int64(3), "share": np.float32(0.5), "inf": float("inf"), "list": (np.int64(1),)}
    (said,) = Guard(saying(lambda view: [finding(view, since=np.int64(5), evidence=odd)])).judge(VIEW)
    assert said.evidence == {"n": 3, "share": 0.5, "inf": None, "list": [1]}
    assert (type(said.since), said.since) == (int, 5)


@pytest.mark.parametrize(
    ("say", "sentence"),
    [
        (broken, r"ZeroDivisionError: division by zero"),
        (half, r"KeyError: 'x'"),
        (lambda view: 3, "TypeError: 'int' object is not iterable"),
        (lambda view: ["bad"], "it gave str instead of a Finding"),
        (lambda view: [finding(view)] * 2, "it judged the same subject twice in one window"),
        (lambda view: [finding(view, rule="dns-loss")], "it gave a finding in the name of 'dns-loss'"),
        (lambda view: [finding(view, opinion="bad")], "it gave str as opinion instead of Opinion"),
        (lambda view: [finding(view, subject=Subject(source_ip=7))], "it gave something that cannot be told"),  # type: ignore[arg-type]
        (lambda view: [finding(view, subject=Subject(source_ip="gateway"))], "it gave something that cannot be told"),
        (lambda view: [finding(view, subject=Subject(destination_ip="fe80::1%eth0"))], "it gave something that"),
        (lambda view: [finding(view, subject=Subject(source_port=65_536))], "it gave ports that are none: (65536, 0)"),
        (lambda view: [finding(view, since=2, until=1)], "it gave an end before its beginning: (2, 1)"),
        (lambda view: [finding(view, since=2**70)], "it gave times that are none"),
        (lambda view: [finding(view, since=None)], "it gave something that cannot be told"),
        (lambda view: [finding(view, confidence=1.5)], "it gave a confidence of 1.5, which is not between 0 and 1"),
        (lambda view: [finding(view, confidence=float("nan"))], "it gave a confidence of nan"),
        (lambda view: [finding(view, evidence={"o": object()})], "it gave evidence that is no JSON"),
        (lambda view: [finding(view, evidence=[])], "it gave evidence that is no dict"),
    ],
)
def test_what_cannot_be_told_is_a_sentence(say: Any, sentence: str) -> None:
    with pytest.raises(DetectorFailed) as told:
        Guard(saying(say)).judge(VIEW)
    assert str(told.value).startswith(sentence)


def test_an_exit_is_no_exit() -> None:
    def leave(view: Any) -> Any:
        raise SystemExit(3)

    with pytest.raises(DetectorFailed, match="SystemExit: 3"):
        Guard(saying(leave)).judge(VIEW)


def test_the_line_of_the_file_is_named() -> None:
    def deep(view: Any) -> Any:
        return np.zeros(2)[view.packets]

    with pytest.raises(IndexError) as told:
        deep(VIEW)
    assert described(told.value, __file__).endswith(f"(test_guard.py, line {deep.__code__.co_firstlineno + 1})")
    assert "line" not in described(told.value, "/elsewhere.py")


def test_memory_goes_through_json_and_back() -> None:
    guard = Guard(Busy(BusySettings()))
    guard.judge(VIEW)
    fresh = Guard(Busy(BusySettings()))
    fresh.load(guard.dump())
    assert fresh.dump() == guard.dump() == {"state": {"windows": 1}}


def test_memory_that_cannot_be_given_or_taken_is_a_sentence() -> None:
    inner = Busy(BusySettings())
    inner.windows = object()  # type: ignore[assignment]
    state = Guard(inner).dump()
    assert "TypeError" in state["failed"]
    with pytest.raises(DetectorFailed, match="could not say what it remembers: TypeError"):
        Guard(Busy(BusySettings())).load(state)
    with pytest.raises(DetectorFailed, match="cannot take up its memory: KeyError: 'windows'"):
        Guard(Busy(BusySettings())).load({"state": {}})


def test_good_and_bad_opinions_are_kept() -> None:
    for opinion in Opinion:
        (said,) = Guard(saying(partial(one, opinion=opinion))).judge(VIEW)
        assert said.opinion is opinion
