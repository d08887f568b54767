"""Runs have names that say what was read, and captures can be replayed at their own pace."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from producers.batching import Batcher, Message
from producers.capture import Capture, paced, run_id
from producers.metrics import Metrics
from tests.producers.live.place import udp
from wireverdict.bus import Envelope, Kind
from wireverdict.decode.decoder import Decoder
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.partition import divided
from wireverdict.sampling import Sampler


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


class Sent:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.drops: dict[str, int] = {}

    def send(self, message: Message) -> None:
        self.messages.append(message)


def test_a_live_capture_tells_when_it_begins_and_that_time_goes_by_and_what_it_left_out() -> None:
    sent = Sent()
    data = np.frombuffer(udp(1) + udp(2, host=3), np.uint8)
    frames = np.zeros(2, FRAME)
    frames["ts"], frames["offset"], frames["link"] = 10_500_000_000, (0, len(data) // 2), 1
    frames["captured"] = frames["length"] = len(data) // 2
    batcher = Batcher("s", "r", 1, divided)
    made = Capture(Decoder(), batcher, sent, Metrics(), sampler=Sampler(1e-9))  # type: ignore[arg-type]
    made.begin(10_000_000_000)
    made.feed(FrameBatch(data, frames))
    made.idle(10_900_000_000)
    made.idle(11_100_000_000)
    made.end()
    envelopes = [Envelope.from_headers(message.headers) for message in sent.messages]
    assert [(each.kind, each.clock / 1e9, each.sampling) for each in envelopes] == [
        (Kind.TICK, 10.0, 1.0),
        (Kind.TICK, 11.1, 1e-9),
        (Kind.END, 11.1, 1e-9),
    ]
    assert (made.frames, made.headers, made.left_out) == (2, 2, {"sampled": 2})
