"""A receiver does not read: it closes its TCP window and the sender waits. The host is at fault, never the network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from wireverdict.headers import TCP
from wireverdict.verdicts import Finding, Opinion, Severity, Subject
from wireverdict.windows.fields import Count
from wireverdict.windows.home import address_text
from wireverdict.windows.view import WindowView

REMEDY = (
    "A program on {host} does not read what {peers} to it: its receive buffer stayed full for {stalled:.1f} s of "
    "{width:.0f} s. The network is not at fault. Look there for a process that is stuck, out of CPU or waiting for a "
    "disk (ss -tmi shows Recv-Q and the socket; top, iostat, strace -p)."
)


class ZeroWindowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the fields."""

    warning_share: float = 0.2
    """of the window's length that a receive window was closed: brief closing is how flow control works."""
    critical_share: float = 0.8
    """… for critical: the transfer stands still."""


class ZeroWindow:
    """See the module. Keeps nothing between windows."""

    name = "zero-window"

    def __init__(self, settings: ZeroWindowSettings | None = None) -> None:
        self.settings = settings or ZeroWindowSettings()

    def judge(self, view: WindowView) -> Iterable[Finding]:
        """One finding for each host (and its service, if it is the one that was asked) whose windows were closed."""
        services = view.services.rows
        stalled, keys = services.of(Count.STALL_MS), services.keys
        rows, sides = np.nonzero(stalled)
        if not len(rows):
            return []
        columns = (stalled, services.of(Count.ZERO_WINDOWS), services.of(Count.PAYLOAD_BYTES))
        hosts: dict[Subject, list[tuple[int, int]]] = {}
        for row, side in zip(rows.tolist(), sides.tolist(), strict=True):
            key = keys[row]
            if key["protocol"] != TCP:
                continue
            ip = address_text(key["high_hi"], key["high_lo"]) if side else address_text(key["low_hi"], key["low_lo"])
            port = int(key["port"]) if int(key["responder"]) == side else 0
            hosts.setdefault(Subject(source_ip=ip, source_port=port, protocol="tcp"), []).append((row, side))
        return [self._finding(view, subject, columns, hosts[subject]) for subject in sorted(hosts)]

    def dump(self) -> dict[str, Any]:
        """Nothing is kept."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Nothing is kept."""

    def _finding(self, view: WindowView, subject: Subject, columns: Any, where: list[tuple[int, int]]) -> Finding:
        stalled, windows, payload = columns
        # stalls of several connections overlap: the longest pair stands for the host
        longest = max(int(stalled[row, side]) for row, side in where)
        closed = sum(int(windows[row, side]) for row, side in where)
        width = max(view.width / 1e6, 1.0)  # ms
        share = min(longest / width, 1.0)
        bad = share >= self.settings.warning_share
        return Finding(
            self.name,
            subject,
            Opinion.BAD if bad else Opinion.GOOD,
            since=view.start,
            until=view.end,
            severity=Severity.CRITICAL if share >= self.settings.critical_share else Severity.WARNING,
            confidence=0.95,  # it is what the host itself said; what remains is a wrong window scale mid-stream
            evidence={
                "stalled_ms": longest,
                "stalled_share": share,
                "zero_windows": closed,
                "peers": len(where),
                "bytes_received": sum(int(payload[row, 1 - side]) for row, side in where),
            },
            remedy=REMEDY.format(
                host=subject.text().removesuffix("/tcp"),
                peers="a peer sends" if len(where) == 1 else f"{len(where)} peers send",
                stalled=longest / 1000,
                width=width / 1000,
            ),
        )
