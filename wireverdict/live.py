"""Settings of capturing from network interfaces. Values only, so that everything can read them without opening a socket."""

from __future__ import annotations

import msgspec

LEAST_SNAP = 64
MOST_SNAP = 65_535


class LiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``wireverdict capture -i`` and ``wireverdict watch -i``."""

    ring: int = 32
    """MB of memory that the kernel fills, for each interface and worker: at 100,000 packets/s about a second."""
    block: int = 256
    """kB of it that are handed over at once, a power of two from 64 on. Larger ones cost a little less; but a quiet interface
    fills a block every `retire`, so that many small ones bear a longer wait for the reader."""
    retire: float = 0.1
    """s after which a block is handed over that is not full."""
    snap: int = 256
    """bytes of each packet, Ethernet header included: headers and all but the longest DNS questions."""
    promiscuous: bool = False
    """take packets that are for other hosts as well; needed on a mirror port, and seen by the switch's administrator."""
    workers: int = 1
    """rings for each interface, among which the kernel divides packets by their flow: for more than a core can fill."""
    user: str = "nobody"
    """who the process becomes once its sockets are open, where it was started as root; empty: it stays root."""
    exclude_bus: bool = True
    """leave out the traffic to bus.servers and the brokers that they name, so that sending makes no more to send."""
    cpu: float = 1.0
    """cores that the process may use for long; above, it takes the packets of fewer address pairs (see `least_share`).
    0: no bound."""
    least_share: float = 0.015625
    """of address pairs that are taken at least under pressure (too much CPU, a ring that fills up); the share is halved
    step by step, stated in each batch, and comes back. 1: all are always taken, and what finds no room is lost."""
    interface_counters: bool = True
    """look every 10 s at what the interface itself counts as dropped (ethtool -S), for the metrics and the log."""

    def __post_init__(self) -> None:
        if not 64 <= self.block <= 65_536 or self.block & (self.block - 1):
            raise ValueError("live.block must be a power of two between 64 and 65536 kB")
        if self.ring * 1_000 < 2 * self.block:
            raise ValueError("live.ring must hold at least two blocks (live.block)")
        if not 0.001 <= self.retire <= 10:
            raise ValueError("live.retire must be between 0.001 and 10 s")
        if not LEAST_SNAP <= self.snap <= MOST_SNAP:
            raise ValueError(f"live.snap must be between {LEAST_SNAP} and {MOST_SNAP} bytes")
        if not 1 <= self.workers <= 64:
            raise ValueError("live.workers must be between 1 and 64")
        if self.cpu < 0:
            raise ValueError("live.cpu must not be negative")
        if not 0 < self.least_share <= 1:
            raise ValueError("live.least_share must be more than 0 and at most 1")
