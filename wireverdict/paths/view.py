"""What the judges of paths say: of a window, to detectors, and of a connection, to its record."""

from __future__ import annotations

from typing import NamedTuple

from wireverdict.paths.bufferbloat import Bloat
from wireverdict.paths.judgement import Cause, Judgement
from wireverdict.paths.layout import FALSE, TRUE


class PolicingCase(NamedTuple):
    """What the log of a pair says of one direction in one window. Addresses are 16 bytes.

    `connections`: (sender's port, receiver's port, packets lost) of those with losses, most first. `repeats`,
    `packets`: data packets in the window sent again, and in all. `skipped`: packets of the pair that the log had no
    room for.
    """

    sender: bytes
    receiver: bytes
    judgement: Judgement
    connections: list[tuple[int, int, int]]
    repeats: int
    packets: int
    skipped: int


class LoadCase(NamedTuple):
    """What the load of one direction of a connection says of a part of its path (NEAR or FAR, see layout)."""

    sender: bytes
    receiver: bytes
    sender_port: int
    receiver_port: int
    part: int
    bloat: Bloat


class PathView(NamedTuple):
    """One window's judgements, in fixed orders. `loads`: where a queue stood or may have.

    `calm`: (sender, receiver) of paths under load on which none did. `unjudged`: directions with enough losses that
    were beyond the bound on time. `full`: what had no room so far, by table.
    """

    start: int
    end: int
    policing: list[PolicingCase]
    loads: list[LoadCase]
    calm: set[tuple[bytes, bytes]]
    unjudged: int
    full: dict[str, int]


def answer_of(judgement: Judgement) -> int:
    """TRUE, FALSE or 0 (nothing) for the flag `policed`."""
    if judgement.policed:
        return TRUE
    return FALSE if judgement.cause in (Cause.QUEUE, Cause.RANDOM) else 0
