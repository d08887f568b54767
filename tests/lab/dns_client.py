"""A resolver's sending half: ``python -m tests.lab.dns_client --servers A,B,… --rate 40 --seconds 90 --seed 1``.

Looks random names up at the given rate. Every attempt has a new source port and transaction id and goes to the next
server; a lookup without an answer is retried after `--patience` seconds, up to `--tries` attempts, which multiplies the
query rate in an outage as real resolvers do. Prints what it saw as one JSON object: all attempts as [sent, answered,
server], times in seconds since 1970, 0 for never answered.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import selectors
import socket
import struct
import time

from tests.lab.dns_server import name

WORDS = (
    "mail",
    "shop",
    "news",
    "static",
    "img",
    "api",
    "cdn",
    "blog",
    "forum",
    "docs",
    "mx",
    "ns1",
    "chat",
    "app",
    "git",
)
ZONES = ("com", "net", "org", "io", "de", "uk", "fr", "jp", "br", "info")


def question(number: int, dice: random.Random) -> bytes:
    """A query as a resolver sends it: recursion not desired, EDNS with 1,232 bytes."""
    text = f"{dice.choice(WORDS)}.{dice.choice(WORDS)}{dice.randrange(1000)}.{dice.choice(ZONES)}"
    head = struct.pack("!HHHHHH", number, 0, 1, 0, 0, 1)
    return head + name(text) + struct.pack("!HH", dice.choice((1, 1, 28)), 1) + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


class Client:
    """Lookups in progress, their sockets and what became of every attempt."""

    def __init__(self, servers: list[str], tries: int, patience: float, seed: int) -> None:
        self.servers, self.tries, self.patience = servers, tries, patience
        self.dice = random.Random(seed)
        self.ready = selectors.DefaultSelector()
        self.attempts: list[list[float | str]] = []
        self.deadlines: list[tuple[float, int, socket.socket, int]] = []
        self.turn = 0

    def attempt(self, number: int) -> None:
        """Send attempt `number` (from 1) of a lookup."""
        server = self.servers[self.turn % len(self.servers)]
        self.turn += 1
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        channel = socket.socket(family, socket.SOCK_DGRAM)
        channel.setblocking(False)
        channel.connect((server, 53))
        identity = self.dice.randrange(65536)
        row = len(self.attempts)
        self.attempts.append([time.time(), 0.0, server])
        channel.send(question(identity, self.dice))
        self.ready.register(channel, selectors.EVENT_READ, (row, identity))
        heapq.heappush(self.deadlines, (time.monotonic() + self.patience, row, channel, number))

    def listen(self, seconds: float) -> None:
        """Take answers for at most this long, and retry or give up what has waited too long."""
        for key, _ in self.ready.select(seconds):
            row, identity = key.data
            channel: socket.socket = key.fileobj  # type: ignore[assignment]
            try:
                answer = channel.recv(4096)
            except OSError:
                continue
            if struct.unpack_from("!H", answer)[0] == identity:
                self.attempts[row][1] = time.time()
                self.ready.unregister(channel)
                channel.close()
        while self.deadlines and self.deadlines[0][0] <= time.monotonic():
            _, row, channel, number = heapq.heappop(self.deadlines)
            if not self.attempts[row][1]:
                self.ready.unregister(channel)
                channel.close()
                if number < self.tries:
                    self.attempt(number + 1)

    def run(self, rate: float, seconds: float) -> None:
        """Lookups at `rate` a second, Poisson, for `seconds`; then wait for what is still out."""
        end = time.monotonic() + seconds
        due = time.monotonic()
        while due < end:
            while (wait := due - time.monotonic()) > 0:
                self.listen(min(wait, 0.01))
            self.attempt(1)
            due += self.dice.expovariate(rate)
        while self.deadlines:
            self.listen(0.02)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", required=True)
    parser.add_argument("--rate", type=float, default=40.0)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--patience", type=float, default=1.5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    client = Client(given.servers.split(","), given.tries, given.patience, given.seed)
    client.run(given.rate, given.seconds)
    print(json.dumps({"attempts": client.attempts}))


if __name__ == "__main__":
    main()
