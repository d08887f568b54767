"""Settings of the paths room."""

from __future__ import annotations

import msgspec

from wireverdict.paths.bufferbloat import Settings as BufferbloatSettings
from wireverdict.paths.judgement import Settings as PolicingSettings


class PathSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is remembered of paths. Times in seconds of packet time."""

    horizon: float = 30.0
    """s before the end of a window that are judged: three windows of 10 s, so that an answer does not hang on where
    a window happens to begin; 10 s with 15 losses usually decide."""
    lateness: float = 30.0
    """s that logs are kept beyond the horizon: a window's lateness and some more."""
    forget: float = 60.0
    """s of silence after which a pair's past is no longer asked about."""
    bulk: int = 16
    """data packets in one direction from which a connection is watched: more than a usual initial window."""
    quota: int = 16_384
    """packets of a losing pair that are logged in each 10 s (1 MB); what comes after that is left out, and counted."""
    max_slots: int = 1 << 20
    """rows of the connection table (8 bytes each)."""
    max_members: int = 65_536
    """watched connections (56 bytes each)."""
    max_pairs: int = 16_384
    """watched address pairs (136 bytes each, and 8 KB of log while nothing is lost)."""
    max_chunks: int = 32_768
    """chunks of 64 packets (4 KB) in all logs together."""
    max_rings: int = 8_192
    """busy directions whose load is followed (7 KB each)."""
    max_judged: int = 256
    """pairs judged for policing in one window, those with most losses first: a bound on time, about 10 ms each."""
    policing: PolicingSettings = PolicingSettings()
    bufferbloat: BufferbloatSettings = BufferbloatSettings()

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("horizon", "lateness", "forget"):
            if not 1 <= getattr(self, name) <= 3_600:
                raise ValueError(f"paths.{name} is {getattr(self, name)} s; it must be within 1 and 3600")
        for name in ("quota", "max_members", "max_pairs", "max_chunks", "max_rings"):
            if not 64 <= getattr(self, name) <= 1 << 24:
                raise ValueError(f"paths.{name} is {getattr(self, name)}; it must be within 64 and {1 << 24}")
        if not 2 <= self.bulk <= 250:
            raise ValueError(f"paths.bulk is {self.bulk}; it must be within 2 and 250")
