from __future__ import annotations

import numpy as np

from wireverdict.frames import FRAME, IN, OUT, UNKNOWN, FrameBatch


def test_a_frame_has_no_hidden_gaps() -> None:
    assert FRAME.isalignedstruct
    assert sum(FRAME[name].itemsize for name in FRAME.names or ()) == FRAME.itemsize == 32


def test_directions_fit_and_unknown_is_what_an_empty_row_says() -> None:
    assert len({UNKNOWN, IN, OUT}) == 3
    assert np.zeros(1, FRAME)["direction"][0] == UNKNOWN
    assert max(IN, OUT) <= np.iinfo(FRAME["direction"]).max


def test_a_batch_may_lie_in_memory_that_cannot_be_written() -> None:
    data = np.frombuffer(b"packet", np.uint8)
    frames = np.zeros(1, FRAME)
    frames[0]["offset"], frames[0]["captured"] = 1, 3
    batch = FrameBatch(data, frames)
    assert not batch.data.flags.writeable
    (frame,) = batch.frames
    assert batch.data[frame["offset"] :][: frame["captured"]].tobytes() == b"ack"
