"""Windows made by hand for tests of detectors."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np

from wireverdict.windows.fields import COUNTS, DNS_COUNTS, DNS_KEY, LATENCY_BUCKETS, SERVICE_KEY, Count
from wireverdict.windows.view import Capture, DnsTable, Table, WindowView

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def halves(text: str) -> tuple[int, int]:
    """An address as HEADER holds it."""
    address = ipaddress.ip_address(text)
    number = int(address) | (0xFFFF << 32 if address.version == 4 else 0)
    return number >> 64, number & (1 << 64) - 1


class Maker:
    """Collects rows: ``flow(client, server, port, sent={Count.…: n}, back={…})``, then ``view()``."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], np.ndarray[Any, Any]] = {}
        self.capture: dict[str, Any] = {"tcp_packets": 100_000}

    def flow(
        self,
        client: str,
        server: str,
        port: int,
        sent: dict[Count, int],
        back: dict[Count, int] | None = None,
        protocol: int = 6,
    ) -> Maker:
        """A service row: what the client sent, and what the server did."""
        first, second = halves(client), halves(server)
        asker = 0 if first < second else 1
        low, high = (first, second) if asker == 0 else (second, first)
        counts = self.rows.setdefault((*low, *high, port, protocol, 1 - asker, 0), np.zeros((2, COUNTS), np.int64))
        for side, values in ((asker, sent), (1 - asker, back or {})):
            for count, value in values.items():
                counts[side, count] += value
        return self

    def view(self, number: int = 0, width: int = 10) -> WindowView:
        """The window of that number from START."""
        keys = sorted(self.rows)
        table = Table(
            np.array(keys, SERVICE_KEY), np.array([self.rows[key] for key in keys], np.int64).reshape(-1, 2, COUNTS)
        )
        dns = DnsTable(
            np.zeros(0, DNS_KEY),
            np.zeros((0, DNS_COUNTS), np.int64),
            np.zeros((0, LATENCY_BUCKETS), np.int64),
            np.zeros(0, np.int64),
            [],
        )
        start = START + number * width * SECOND
        end = start + width * SECOND
        return WindowView(number, start, end, width * SECOND, 1000, table, dns, Capture(**self.capture))
