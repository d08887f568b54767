"""A UDP stream in both directions, as calls make it: ``python -m tests.lab.datagrams serve ADDRESS`` and ``… talk``.

The client sends so many datagrams a second from one port; each is echoed. It prints how many it sent and got back.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import time

PORT = 16_384


def serve(address: str) -> None:
    """Echo until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind((address, PORT))
        while True:
            datagram, peer = end.recvfrom(2048)
            end.sendto(datagram, peer)


def talk(server: str, rate: float, seconds: float) -> dict[str, int]:
    """Send and count what comes back."""
    sent = got = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end, selectors.DefaultSelector() as ready:
        end.connect((server, PORT))
        end.setblocking(False)
        ready.register(end, selectors.EVENT_READ)
        began = time.monotonic()
        while (now := time.monotonic()) < began + seconds + 0.5:
            due = began + sent / rate
            if due <= now and due < began + seconds:
                end.send(bytes(160))
                sent += 1
                continue
            if ready.select(max(0.0, min(due - now, 0.05))):
                got += len(end.recv(2048)) > 0
    return {"sent": sent, "received": got}


def main() -> None:
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("serve").add_argument("address")
    client = roles.add_parser("talk")
    client.add_argument("--server", required=True)
    client.add_argument("--rate", type=float, default=50.0)
    client.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    if given.role == "serve":
        serve(given.address)
    else:
        print(json.dumps(talk(given.server, given.rate, given.seconds)))


if __name__ == "__main__":
    main()
