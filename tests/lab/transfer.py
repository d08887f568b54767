"""TCP transfers with the kernel's own counts: ``python -m tests.lab.transfer serve ADDRESS…`` and ``… fetch --do take``.

The client says in a line of JSON what it wants of the server: `take` (it sends, the server reads), `give` (the server
sends) or `echo` (requests and answers of given sizes). `--stall AT,FOR` makes whoever receives stop reading for a while.
Both ends report, of every connection, what TCP_INFO said before it was closed; the server on SIGINT.
"""

from __future__ import annotations

import argparse
import array
import fcntl
import json
import signal
import socket
import struct
import termios
import threading
import time
from types import FrameType
from typing import Any

PORT = 5001
CHUNK = 16_384
LOWAT = 131_072  # bytes unsent in the kernel: else megabytes follow when a transfer should have ended


def tcp_info(end: socket.socket) -> dict[str, Any]:
    """The counts of struct tcp_info (linux/tcp.h) that tests compare with."""
    raw = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    (retransmitted,) = struct.unpack_from("=I", raw, 100)
    acked, received, segments_out, segments_in, _, min_rtt = struct.unpack_from("=QQIIII", raw, 120)
    data_in, data_out = struct.unpack_from("=II", raw, 152)
    sent, sent_again, needless, reordering = struct.unpack_from("=QQII", raw, 200)
    return {
        "port": end.getsockname()[1],
        "peer_port": end.getpeername()[1],
        "peer": end.getpeername()[0],
        "retransmitted": retransmitted,
        "bytes_acked": acked,
        "bytes_received": received,
        "segments_out": segments_out,
        "segments_in": segments_in,
        "data_segments_in": data_in,
        "data_segments_out": data_out,
        "bytes_sent": sent,
        "bytes_retransmitted": sent_again,
        "needless_by_dsack": needless,
        "reordering_seen": reordering,
        "min_rtt_ms": min_rtt / 1000,
    }


def send(end: socket.socket, seconds: float, rate: float) -> None:
    """Send zeros for so long; at `rate` bit/s, or as fast as the path takes them (0)."""
    end.setsockopt(socket.IPPROTO_TCP, 25, LOWAT)  # TCP_NOTSENT_LOWAT
    began, sent, block = time.monotonic(), 0, bytes(CHUNK if not rate else 1_448)
    end.settimeout(seconds + 30.0)
    while (now := time.monotonic()) < began + seconds:
        if rate and sent * 8 > rate * (now - began):
            time.sleep(min(0.02, sent * 8 / rate - (now - began)))
            continue
        sent += end.send(block)
    waiting = array.array("i", [1])
    while waiting[0]:  # TCP_INFO is to speak of all that was sent, and after the close there is none
        time.sleep(0.01)
        fcntl.ioctl(end, termios.TIOCOUTQ, waiting)


def receive(end: socket.socket, stall: list[float]) -> None:
    """Read to the end; `stall`: [after so many seconds, stop reading for so many] or []."""
    began, pending = time.monotonic(), bool(stall)
    if pending:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    while end.recv(65_536):
        if pending and time.monotonic() >= began + stall[0]:
            pending = False
            time.sleep(stall[1])


def echo(end: socket.socket, wish: dict[str, Any]) -> list[float]:
    """Requests of `size` bytes, each answered by `answer` bytes, `rate` a second; how long each took, ms."""
    took, end_at = [], time.monotonic() + wish["seconds"]
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while (began := time.monotonic()) < end_at:
        end.sendall(bytes(wish["size"]))
        left = wish["answer"]
        while left:
            got = len(end.recv(left))
            if not got:
                raise ConnectionError("the server closed an echo connection")
            left -= got
        took.append(1000 * (time.monotonic() - began))
        time.sleep(max(0.0, began + 1 / wish["rate"] - time.monotonic()))
    return took


class Server:
    """Connections until told to stop, and what the kernel counted of each."""

    def __init__(self) -> None:
        self.done: list[dict[str, Any]] = []

    def answer(self, end: socket.socket) -> None:
        """One connection, in a thread of its own."""
        with end:
            reader = end.makefile("rb", buffering=0)
            line = bytearray()
            while not line.endswith(b"\n"):
                got = reader.read(1)
                if not got:
                    return
                line += got
            wish = json.loads(line)
            if wish["do"] == "give":
                send(end, wish["seconds"], wish["rate"])
            elif wish["do"] == "take":
                receive(end, wish["stall"])
            else:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while request := end.recv(wish["size"], socket.MSG_WAITALL):
                    if len(request) == wish["size"]:
                        end.sendall(bytes(wish["answer"]))
            self.done.append({"do": wish["do"], **tcp_info(end)})
            end.shutdown(socket.SHUT_WR)
            while end.recv(65_536):
                pass

    def listen(self, address: str, port: int) -> None:
        """Accept for ever."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        door = socket.create_server((address, port), family=family, backlog=256)
        while True:
            threading.Thread(target=self.answer, args=(door.accept()[0],), daemon=True).start()


def serve(addresses: list[str], port: int) -> list[dict[str, Any]]:
    """Serve until SIGINT."""
    server, stopped = Server(), threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGINT, stop)
    for address in addresses:
        threading.Thread(target=server.listen, args=(address, port), daemon=True).start()
    stopped.wait()
    return server.done


def fetch(wish: dict[str, Any], server: str, port: int, done: list[dict[str, Any]]) -> None:
    """One connection of the client."""
    began = time.time()
    with socket.create_connection((server, port), timeout=30.0) as end:
        end.settimeout(120.0)
        end.sendall(json.dumps(wish).encode() + b"\n")
        took: list[float] = []
        if wish["do"] == "take":
            send(end, wish["seconds"], wish["rate"])
        elif wish["do"] == "give":
            receive(end, wish["stall"])
        else:
            took = echo(end, wish)
        row = {"do": wish["do"], "server": server, "began": began, "ended": time.time(), **tcp_info(end)}
        done.append(row | ({"took_ms": took} if took else {}))
        end.shutdown(socket.SHUT_WR)
        receive(end, [])


def main() -> None:
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("serve")
    server.add_argument("addresses", nargs="+")
    server.add_argument("--port", type=int, default=PORT)
    client = roles.add_parser("fetch")
    client.add_argument("--server", required=True)
    client.add_argument("--port", type=int, default=PORT)
    client.add_argument("--do", choices=["take", "give", "echo"], required=True)
    client.add_argument("--connections", type=int, default=1)
    client.add_argument("--seconds", type=float, default=10.0)
    client.add_argument("--rate", type=float, default=0.0, help="bit/s of one connection, or requests/s; 0: no limit")
    client.add_argument("--size", type=int, default=200, help="bytes of a request")
    client.add_argument("--answer", type=int, default=1000, help="bytes of an answer")
    client.add_argument("--stall", default="", help="AT,FOR: the receiver stops reading")
    client.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.role == "serve":
        print(json.dumps({"connections": serve(given.addresses, given.port)}))
        return
    stall = [float(part) for part in given.stall.split(",") if part]
    names = ("do", "seconds", "rate", "size", "answer")
    wish = {name: getattr(given, name) for name in names} | {"stall": stall}
    done: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=fetch, args=(wish, given.server, given.port, done)) for _ in range(given.connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"connections": done}))
    if len(done) != given.connections:
        raise SystemExit("a connection failed")


if __name__ == "__main__":
    main()
