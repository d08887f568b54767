"""A small DNS responder: ``python -m tests.lab.dns_server ADDRESS=DELAY_MS ...``; port 53 at each address, UDP.

Like a root server it answers every query with a referral to the top-level domain's servers, with glue. The delay stands
for the distance to the server.
"""

from __future__ import annotations

import heapq
import random
import selectors
import socket
import struct
import sys
import time


def name(text: str) -> bytes:
    """Wire form of a domain name, uncompressed."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def record(owner: bytes, kind: int, data: bytes, ttl: int = 172_800) -> bytes:
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def referral(query: bytes) -> bytes | None:
    """The answer to a query, or None for what is no query."""
    if len(query) < 17 or query[2] & 0x80:
        return None
    end = 12
    while end < len(query) and query[end]:
        end += query[end] + 1
    end += 5
    if end > len(query):
        return None
    labels = query[12:end]
    last = 0  # offset of the top-level label within the question
    position = 0
    while labels[position]:
        last, position = position, position + labels[position] + 1
    zone = struct.pack("!H", 0xC000 | (12 + last))
    servers = [name(f"{letter}.gtld-servers.example") for letter in "abcd"]
    authority = b"".join(record(zone, 2, server) for server in servers)
    glue = b"".join(
        record(server, 1, socket.inet_aton(f"192.0.2.{index + 1}"))
        + record(server, 28, socket.inet_pton(socket.AF_INET6, f"2001:db8:1d::{index + 1}"))
        for index, server in enumerate(servers)
    )
    flags = 0x8000 | (query[2] & 1) << 8  # QR, RD copied
    head = query[:2] + struct.pack("!HHHHH", flags, 1, 0, len(servers), 2 * len(servers))
    return head + labels + authority + glue


def serve(places: list[tuple[str, float]]) -> None:
    """Answer until killed. `places`: address and delay in seconds."""
    ready = selectors.DefaultSelector()
    for address, delay in places:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_DGRAM)
        listener.setblocking(False)
        listener.bind((address, 53))
        ready.register(listener, selectors.EVENT_READ, delay)
    held: list[tuple[float, int, socket.socket, bytes, tuple[object, ...]]] = []
    number = 0
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        for key, _ in ready.select(wait):
            listener = key.fileobj  # type: ignore[assignment]
            query, peer = listener.recvfrom(4096)
            answer = referral(query)
            if answer is not None:
                number += 1
                due = time.monotonic() + key.data * random.uniform(1.0, 1.15)
                heapq.heappush(held, (due, number, listener, answer, peer))
        while held and held[0][0] <= time.monotonic():
            _, _, listener, answer, peer = heapq.heappop(held)
            listener.sendto(answer, peer)


if __name__ == "__main__":
    serve([(text.split("=")[0], float(text.split("=")[1]) / 1000) for text in sys.argv[1:]])
