"""Settings of windows and of DNS transactions."""

from __future__ import annotations

import msgspec


class WindowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lengths of time in seconds of packet time; sizes in rows of one open window.

    Raises ValueError when values contradict each other.
    """

    width: float = 10.0
    """s. Short enough that two windows page within half a minute, long enough for 20 queries of a quiet client."""
    lateness: float = 10.0
    """s a window stays open after its end: twice the DNS time-out, so that every attempt in it has had its time, and
    room for sensors whose packets arrive out of order."""
    packets: int = 0
    """When not 0, windows hold this many packets each instead of a stretch of time (the original script took 5,000)."""
    dns_timeout: float = 5.0
    """s. The default of common stub resolvers (resolv.conf(5) `timeout`): after it the client gives up or retries."""
    dns_late: float = 30.0
    """s until which an answer that missed the time-out is still booked as late; after it, as an orphan."""
    syn_timeout: float = 3.0
    """s. At the end of a capture, younger unanswered SYNs are undecided: the first retry comes after 1 s (RFC 6298) and
    few paths take longer than two retries."""
    established: float = 10.0
    """s of age from which a flow counts as established and not as new."""
    stall_limit: float = 300.0
    """s after which a window that was never seen to open again is taken for a dead connection, not for a stall."""
    max_services: int = 65_536
    """Rows of address pair + service per window (about 500 bytes each, as needed); more go to `other`, counted."""
    max_dns_pairs: int = 8_192
    """Rows of client + resolver per window (about 1 kB each)."""
    max_names: int = 8_192
    """Question names per window whose text is kept (about 270 bytes each)."""
    max_pending: int = 262_144
    """DNS attempts that wait for their answer at one time (about 120 bytes each); more are counted as untracked."""

    def __post_init__(self) -> None:
        if not 0.001 <= self.width <= 86_400:
            raise ValueError(f"windows.width is {self.width} s; it must be within 0.001 and 86400")
        if not 0 < self.dns_timeout <= self.lateness <= 3_600:
            raise ValueError(
                f"windows.lateness is {self.lateness} s; it must be at least the DNS time-out ({self.dns_timeout} s, "
                "itself above 0) so that attempts are decided when their window closes, and at most 3600"
            )
        if self.lateness / self.width > 1_000:
            raise ValueError(
                f"windows.lateness / windows.width is {self.lateness / self.width:.0f}; at most 1000 may be open"
            )
        if not self.dns_timeout <= self.dns_late <= 3_600:
            raise ValueError(f"windows.dns_late is {self.dns_late} s; it must be within the DNS time-out and 3600")
        if self.packets < 0 or self.packets == 1:
            raise ValueError(f"windows.packets is {self.packets}; it must be 0 (windows of time) or at least 2")
        for name in ("max_services", "max_dns_pairs", "max_names", "max_pending"):
            if not 16 <= getattr(self, name) <= 1 << 24:
                raise ValueError(f"windows.{name} is {getattr(self, name)}; it must be within 16 and {1 << 24}")
