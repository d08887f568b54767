"""What became of one input: the result object that summaries and exit statuses are made from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class FileReport:
    """One input file, as far as it has been read.

    `path` as given (``-`` is standard input). `format` such as ``pcap`` or ``pcapng, gzip``; empty if not recognised.
    `packets` read; `bytes` on the wire of those; `first_ts`, `last_ts`: smallest and largest timestamp (ns), None
    without packets. `error`: None, or one sentence: what is wrong, where, and what to do or what was kept;
    `error_offset`: byte in the (uncompressed) capture where it is. `skipped`: what was left out, by reason. `untimed`:
    packets whose records hold no time (simple packet blocks) and got that of the record before.
    """

    path: str
    format: str = ""
    packets: int = 0
    bytes: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    error: str | None = None
    error_offset: int | None = None
    untimed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def fail(self, error: str, offset: int | None = None) -> None:
        """Set the error, unless there is an earlier one (the first is the cause)."""
        if self.error is None:
            self.error, self.error_offset = error, offset

    def count(self, packets: int, wire: int, lowest: int, highest: int) -> None:
        """Add frames whose timestamps lie in `lowest` to `highest`."""
        if packets:
            self.packets += packets
            self.bytes += wire
            self.first_ts = lowest if self.first_ts is None else min(self.first_ts, lowest)
            self.last_ts = highest if self.last_ts is None else max(self.last_ts, highest)
