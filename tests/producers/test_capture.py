"""Runs have names that say what was read, and captures can be replayed at their own pace."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from producers.capture import paced, run_id
from wireverdict.frames import FRAME, FrameBatch


def test_the_same_input_has_the_same_name(tmp_path: Path) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(b"one")
    first = run_id("s", [str(file)], 4)
    assert run_id("s", [str(file)], 4) == first
    others = {run_id("t", [str(file)], 4), run_id("s", [str(file)], 5), run_id("s", [str(file), str(file)], 4)}
    os.utime(file, (1, 1))
    others.add(run_id("s", [str(file)], 4))
    assert len(others | {first}) == 5
    assert run_id("s", ["-"]) != run_id("s", ["-"])


def test_frames_come_when_their_time_has_come() -> None:
    frames = np.zeros(6, FRAME)
    frames["ts"] = np.array([10.0, 10.05, 10.31, 10.32, 10.25, 12.0]) * 1e9
    clock, waited = [100.0], []

    def wait(seconds: float) -> None:
        waited.append(round(seconds, 6))
        clock[0] += seconds

    batches = [FrameBatch(np.zeros(0, np.uint8), part) for part in (frames[:2], frames[2:2], frames[2:])]
    out = [(part.frames["ts"].tolist(), clock[0]) for part in paced(batches, lambda: clock[0], wait)]
    assert [len(times) for times, _ in out] == [2, 3, 1]
    assert waited == [0.31, 1.69]
    assert [moment for _, moment in out] == [100.0, 100.31, 102.0]
