"""What the readers of the three formats have in common."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from producers.files import scan

Numbers = NDArray[np.int64]
MAX_CAPTURED = 262_144
"""Bytes; a larger captured length is taken for damage (libpcap's MAXIMUM_SNAPLEN)."""


class MalformedError(Exception):
    """The capture cannot be read from here on; the message says why, as half a sentence."""


class Piece(NamedTuple):
    """Frames of one file as they stand in it, and what the scan has learnt of them.

    `data`, `frames` as in wireverdict.frames.FrameBatch, but valid as long as they are referred to. `lowest`,
    `highest`: smallest and largest timestamp (ns). `ordered`: timestamps never go back. `stored`: bytes captured, in
    all.
    """

    data: NDArray[np.uint8]
    frames: NDArray[np.void]
    lowest: int
    highest: int
    ordered: bool
    stored: int


class Layout(Protocol):
    """A format's reader. `name`: of the format. `start`: bytes that `begin` needs."""

    name: str
    start: int

    def begin(self, head: bytes) -> int:
        """Read the file's header; the position of the first record. Raises MalformedError."""
        ...

    def scan(self, data: NDArray[np.uint8], state: Numbers, frames: NDArray[Any]) -> None:
        """Fill `frames` (see scan.py)."""
        ...

    def describe(self, data: NDArray[np.uint8], state: Numbers) -> bool:
        """Deal with the section or interface that the scan stopped at; False (and STOP = MORE) if it lacks bytes.

        Raises MalformedError.
        """
        ...

    def fault(self, state: Numbers) -> str:
        """Half a sentence on the scan's BAD_… code."""
        ...


def fault(state: Numbers, limit: int) -> str:
    """The usual sentences for a scan's BAD_… codes."""
    value = int(state[scan.VALUE])
    match int(state[scan.STOP]):
        case scan.BAD_CAPTURED:
            return f"the record there claims {value} captured bytes, more than it can hold (at most {limit})"
        case scan.BAD_LENGTH:
            return f"the record there claims a length of {value} bytes, which cannot be"
        case scan.BAD_TRAILER:
            return f"the block there begins with a length of {value} bytes and ends with another"
        case scan.JOINED:
            return "another capture begins there: give files that were joined one by one"
        case _:
            return f"the block there is too short ({value} bytes) for its type"


def new_state() -> Numbers:
    """The `state` array of scan.py, before anything was scanned."""
    return np.zeros(scan.STATE, np.int64)
