"""What the plain-Python tracker keeps of a connection.

Sequence numbers are whole numbers that never wrap: 32-bit numbers are turned into the nearest whole one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from wireverdict import headers as h

Fields = SimpleNamespace
"""The fields of a header, or of a note, by name."""
WRAP = 1 << 32
MOST_LETTERS = 18


def near(number: int, around: int) -> int:
    """The whole number that is `number` modulo 2**32 and closest to `around`."""
    ahead = (number - around) % WRAP
    return around + (ahead if ahead < WRAP // 2 else ahead - WRAP)


def newer(tsval: int, than: int) -> bool:
    """RFC 7323: timestamps are compared as sequence numbers are."""
    return near(tsval, than) > than


def stamp(x: Fields) -> int | None:
    """TSval, if there is one; 0 is taken for none."""
    return x.tsval or None if x.present & h.TIMESTAMPS else None


@dataclass
class Hole:
    left: int
    right: int
    us: int
    tsval: int | None


@dataclass
class Timed:
    """A packet on its way whose acknowledgement gives a round-trip time."""

    end: int
    us: int
    tsval: int | None
    only_syn: bool
    sent_again: bool = False


@dataclass
class Side:
    packets: int = 0
    bytes: int = 0
    payload: int = 0
    state: str = "inactive"
    before: str = "inactive"
    finished: bool = False  # FIN or RST sent
    fin: bool = False
    syn: bool = False  # a SYN, with or without ACK, was seen
    start: int | None = None  # of the SYN, seen or supposed
    next: int = 0
    acked: int = 0
    scale: int = 0
    scale_offered: bool = False
    window: int | None = None
    window_closed: bool = False
    sack: bool = False
    mss: int = 0
    timed: Timed | None = None
    rtts: list[int] = field(default_factory=list)
    data_timed: bool = False
    by_timestamp: bool = False
    holes: list[Hole] = field(default_factory=list)
    forgotten: int = 0  # holes
    last_copy: tuple[int, int | None] = (0, None)  # left edge and TSval of the last retransmission
    data_times: list[int] = field(default_factory=list)
    retransmitted_bytes: int = 0
    retransmissions: int = 0
    spurious: int = 0
    out_of_order: int = 0
    duplicate_acks: int = 0
    zero_windows: int = 0
    keep_alives: int = 0
    repeats: int = 0  # for T in the history
    missed: int = 0
    gaps: int = 0
    copies: int = 0  # retransmissions that were captured twice
    copied_bytes: int = 0
    peak: int = 0
    marks: dict[str, int] = field(default_factory=dict)  # last sequence number of F and of R

    def become(self, state: str) -> None:
        if state != self.state:
            self.before, self.state = self.state, state

    @property
    def stream(self) -> int:
        if self.state == "inactive" or self.start is None:
            return 0
        size = self.next - self.start - 1
        return max(size - (1 if self.fin and size > 0 else 0), 0)


@dataclass
class Connection:
    number: int
    key: tuple[Any, ...]
    ends: tuple[tuple[int, int, int], tuple[int, int, int]]  # originator, responder: address halves and port
    protocol: int
    first: int
    last: int
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))
    history: str = ""
    idle: int = 0
    handshake: int | None = None
    established: bool = False
    from_syn: bool = False
    refused: bool = False
    unreachable: bool = False
    evicted: bool = False

    @property
    def closed(self) -> bool:
        a, b = self.sides
        if "reset" in (a.state, b.state):
            return True
        return any(e.finished and (p.finished or p.state == "inactive") for e, p in ((a, b), (b, a)))

    @property
    def attempt(self) -> bool:
        return self.sides[0].state == "syn sent" and self.sides[1].state == "inactive"

    def letter(self, letter: str, side: int, *, again: bool = True) -> None:
        shown = letter if side == 0 else letter.lower()
        if (again or shown not in self.history_seen) and len(self.history) < MOST_LETTERS:
            self.history += shown
        self.history_seen.add(shown)

    def __post_init__(self) -> None:
        self.history_seen: set[str] = set()
