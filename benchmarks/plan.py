"""Who talks with whom, when and how: one row for every connection to generate, before a packet exists.

All values come from a numpy generator with the given seed, in whole columns. Addresses are from 198.18.0.0/15 and
2001:db8::/32; spoofed ones from 10.0.0.0/8. No two connections have the same addresses and ports.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TCP, UDP = 6, 17

# What a connection does. TCP:
NORMAL, RESET_BY_CLIENT, RESET_BY_SERVER, LEFT_OPEN, REFUSED, UNREACHED, LIVE, FLOOD = range(8)
# DNS:
ANSWERED, UNANSWERED, LATE, ORPHAN = range(8, 12)
KINDS = (
    *("normal", "reset_by_client", "reset_by_server", "left_open", "refused", "unreached", "live", "flood"),
    *("answered", "unanswered", "late", "orphan"),
)

SIDE = [
    ("packets", "<u4"),
    ("bytes", "<u8"),  # IP bytes, headers included
    ("payload", "<u8"),  # transport payload, repeats included
    ("retransmissions", "<u4"),
    ("retransmitted_bytes", "<u8"),
    ("out_of_order", "<u4"),
    ("duplicate_acks", "<u4"),  # sent by this side
    ("spurious", "<u4"),
    ("zero_windows", "<u4"),  # announced by this side
    ("keep_alives", "<u4"),
]

CONN = np.dtype(
    [
        ("src_hi", "<u8"),  # client; IPv4 as ::ffff:a.b.c.d, as in wireverdict.headers
        ("src_lo", "<u8"),
        ("dst_hi", "<u8"),
        ("dst_lo", "<u8"),
        ("start", "<i8"),  # ns
        ("rtt", "<i8"),  # ns
        ("place", "<f8"),  # of the capture point: 0 at the client, 1 at the server
        ("random", "<u8"),  # seed of this connection's own dice
        ("isn_client", "<u4"),
        ("isn_server", "<u4"),
        ("tick_client", "<u4"),  # TSval at `start`
        ("tick_server", "<u4"),
        ("sport", "<u2"),
        ("dport", "<u2"),
        ("mss", "<u2"),
        ("segments", "<u4"),  # of the responses together
        ("requests", "u1"),
        ("protocol", "u1"),
        ("kind", "u1"),
        ("ipv6", "u1"),
        ("timestamps", "u1"),
        ("lossy", "u1"),
        # truth, filled by the simulation
        ("syn_retries", "<u4"),
        ("first", "<i8"),  # ns, capture time of the first and the last packet
        ("last", "<i8"),
        ("closed", "<i8"),  # ns, capture time of the second FIN; 0 without
        ("client", SIDE),
        ("server", SIDE),
    ],
    align=True,
)

EPOCH = 1_767_225_600_000_000_000  # 2026-01-01 00:00 UTC
MAPPED = np.uint64(0xFFFF << 32)
V6 = np.uint64(0x20010DB8 << 32)
CLIENT_NET, SERVER_NET = 0xC6120000, 0xC6130000  # 198.18.0.0/16, 198.19.0.0/16


def _addresses(rows: NDArray[np.void], end: str, index: NDArray[np.int64], net: int) -> None:
    six = rows["ipv6"] == 1
    number = index.astype(np.uint64)
    rows[f"{end}_hi"] = np.where(six, V6 | np.uint64(net >> 16), np.uint64(0))
    rows[f"{end}_lo"] = np.where(six, number + np.uint64(1), MAPPED | np.uint64(net) | (number + np.uint64(1)))


def _common(rows: NDArray[np.void], dice: np.random.Generator, seconds: float) -> None:
    n = len(rows)
    rows["start"] = EPOCH + np.sort(dice.integers(0, int(seconds * 1e9), n))  # a Poisson process, given its count
    rows["rtt"] = np.exp(dice.uniform(np.log(1e6), np.log(200e6), n)).astype(np.int64)
    rows["place"] = dice.uniform(0.05, 0.95, n)
    rows["random"] = dice.integers(0, 1 << 64, n, dtype=np.uint64)


def _clients(rows: NDArray[np.void], dice: np.random.Generator, first_port: int) -> None:
    """Spread `rows` over client hosts so that (host, port) never comes twice."""
    n = len(rows)
    hosts = max(200, min(20_000, n // 40))
    order = dice.permutation(n)
    _addresses(rows, "src", order % hosts, CLIENT_NET)
    rows["sport"] = first_port + order // hosts
    if n // hosts + first_port >= 65_536:
        raise ValueError(f"{n} connections do not fit {hosts} client hosts")


def tcp(n: int, segments: float, seconds: float, dice: np.random.Generator) -> NDArray[np.void]:
    """Web-like connections; `segments` is the mean size of a connection's responses, in full-sized segments."""
    rows = np.zeros(n, CONN)
    _common(rows, dice, seconds)
    rows["protocol"] = TCP
    rows["ipv6"] = dice.random(n) < 0.2
    _clients(rows, dice, 10_000)
    _addresses(rows, "dst", dice.integers(0, 500, n), SERVER_NET)
    rows["dport"] = dice.choice(np.array([443, 443, 443, 80, 25, 8080]), n)
    for name in ("isn_client", "isn_server", "tick_client", "tick_server"):
        rows[name] = dice.integers(0, 1 << 32, n, dtype=np.uint32)
    rows["timestamps"] = dice.random(n) < 0.85
    rows["mss"] = 1460 - 12 * rows["timestamps"].astype(int) - 20 * rows["ipv6"].astype(int)
    rows["requests"] = dice.geometric(0.5, n).clip(1, 6)
    size = dice.choice(np.array([0.26, 1.3, 9.8]), n, p=[0.7, 0.25, 0.05]) * segments
    rows["segments"] = np.maximum(rows["requests"], dice.exponential(size)).clip(1, 4000)
    rows["lossy"] = dice.random(n) < 0.3
    rows["kind"] = dice.choice(
        np.array([NORMAL, RESET_BY_CLIENT, RESET_BY_SERVER, LEFT_OPEN, REFUSED, UNREACHED], dtype=np.uint8),
        n,
        p=[0.90, 0.02, 0.02, 0.03, 0.015, 0.015],
    )
    rows["isn_server"][rows["kind"] == REFUSED] = 0  # a closed port's RST has no sequence number (RFC 9293, 3.10.7.1)
    return rows


def dns(n: int, seconds: float, dice: np.random.Generator) -> NDArray[np.void]:
    """Queries to three resolvers, each from a port of its own. Latency stands in `rtt`."""
    rows = np.zeros(n, CONN)
    _common(rows, dice, seconds)
    rows["protocol"] = UDP
    rows["ipv6"] = dice.random(n) < 0.2
    _clients(rows, dice, 1_024)
    _addresses(rows, "dst", 600 + dice.integers(0, 3, n), SERVER_NET)
    rows["dport"] = 53
    rows["kind"] = dice.choice(
        np.array([ANSWERED, UNANSWERED, LATE, ORPHAN], dtype=np.uint8), n, p=[0.97, 0.02, 0.005, 0.005]
    )
    return rows


def live(n: int, seconds: float, dice: np.random.Generator) -> NDArray[np.void]:
    """Connections that open, exchange one request and stay open."""
    rows = tcp(n, 1.0, seconds, dice)
    rows["kind"] = LIVE
    rows["requests"] = 1
    rows["segments"] = 1
    rows["lossy"] = 0
    return rows


def flood(n: int, seconds: float, dice: np.random.Generator) -> NDArray[np.void]:
    """One SYN each from as many spoofed addresses, to one port of one server."""
    rows = np.zeros(n, CONN)
    _common(rows, dice, seconds)
    rows["protocol"] = TCP
    rows["kind"] = FLOOD
    rows["src_lo"] = MAPPED | np.uint64(0x0A000000) | dice.permutation(1 << 24)[:n].astype(np.uint64)
    rows["dst_lo"] = MAPPED | np.uint64(SERVER_NET + 1)
    rows["sport"] = dice.integers(1024, 65536, n)
    rows["dport"] = 443
    rows["isn_client"] = dice.integers(0, 1 << 32, n, dtype=np.uint32)
    rows["mss"] = 1460
    return rows
