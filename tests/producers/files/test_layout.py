from __future__ import annotations

import pytest

from producers.files import scan
from producers.files.layout import fault, new_state


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (scan.JOINED, "another capture begins there: give files that were joined one by one"),
        (scan.BAD_CAPTURED, "77 captured bytes, more than it can hold (at most 50)"),
        (scan.BAD_LENGTH, "a length of 77 bytes"),
        (scan.BAD_TRAILER, "begins with a length of 77 bytes and ends with another"),
        (scan.BAD_BLOCK, "too short (77 bytes)"),
    ],
)
def test_every_fault_has_its_words(stop: int, words: str) -> None:
    state = new_state()
    state[scan.STOP], state[scan.VALUE] = stop, 77
    assert words in fault(state, 50)
