"""A DNS outage as in 2017: ``python -m tests.lab.dns_outage OUT.pcap.gz``, as root.

A resolver asks the thirteen root servers (IPv4 and IPv6). On the way a gateway begins to drop answers, and only DNS
answers, until about one comes for every seventeen queries; other traffic of the same host goes on unharmed. The capture
is taken at the resolver. Beside it, ``OUT.truth.json`` holds what the resolver counted and what the gateway's own
counters say.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from pathlib import Path
from subprocess import PIPE
from typing import Any

from tests.lab.network import LabError, Namespace, capture, network, result

RESOLVER4, RESOLVER6 = "198.18.0.2", "2001:db8:18::2"
GATEWAY4, GATEWAY6 = "198.18.0.1", "2001:db8:18::1"
ROOTS4 = [f"198.19.{4 * number}.4" for number in range(1, 14)]
ROOTS6 = [f"2001:db8:500:{number:x}::53" for number in range(1, 14)]
WEB4, WEB6 = "192.0.2.80", "2001:db8:80::80"

GATEWAY = """
table inet gateway {
  counter dns_queries { }
  counter dns_answers { }
  counter dns_answers_passed { }
  counter dns_answers_dropped { }
  chain answers { counter name dns_answers_passed accept; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    udp dport 53 counter name dns_queries
    udp sport 53 counter name dns_answers jump answers
  }
}
"""


def healthy() -> str:
    return "flush chain inet gateway answers\nadd rule inet gateway answers counter name dns_answers_passed accept\n"


def throttled(per_second: int) -> str:
    """Pass so many answers a second, drop the others. nftables' bucket holds the burst and about a second of rate."""
    return (
        "flush chain inet gateway answers\n"
        f"add rule inet gateway answers limit rate {per_second}/second burst 1 packets "
        "counter name dns_answers_passed accept\n"
        "add rule inet gateway answers counter name dns_answers_dropped drop\n"
    )


def phase(attempts: list[list[Any]], start: float, end: float) -> dict[str, Any]:
    """Counts of the attempts sent in [start, end), as the resolver saw them."""
    rows = [row for row in attempts if start <= row[0] < end]
    answered = sum(1 for row in rows if row[1])
    per_server: dict[str, list[int]] = {}
    for _, answer, server in rows:
        counts = per_server.setdefault(server, [0, 0])
        counts[0] += 1
        counts[1] += bool(answer)
    return {
        "start": start,
        "end": end,
        "attempts": len(rows),
        "answered": answered,
        "unanswered": len(rows) - answered,
        "per_server": {server: {"attempts": a, "answered": b} for server, (a, b) in sorted(per_server.items())},
    }


def dns_outage(
    out: Path, *, before: float, outage: float, after: float, rate: float, answers: int, seed: int
) -> dict[str, Any]:
    """Run the scenario and write the capture (gzip) and the truth; gives the truth.

    `before`, `outage`, `after`: seconds. `rate`: lookups/s. `answers`: answers/s that pass in the outage.
    """
    seconds = before + outage + after
    servers = []  # three of four queries by IPv4, every server in its turn
    for turn, six in enumerate(ROOTS6):
        servers += [*(ROOTS4[(3 * turn + step) % 13] for step in range(3)), six]
    with network() as net, tempfile.TemporaryDirectory() as scratch:
        resolver, gateway, internet = (net.namespace(name) for name in ("resolver", "gateway", "internet"))
        _connect(net, resolver, gateway, internet)
        gateway.nft(GATEWAY)
        internet.python(
            "tests.lab.dns_server",
            *(f"{address}={8 + 5 * (index % 13)}" for index, address in enumerate(ROOTS4 + ROOTS6)),
        )
        internet.python("tests.lab.web", "serve", WEB4, WEB6)
        time.sleep(1.0)
        raw = Path(scratch, "raw.pcap")
        with capture(resolver, "uplink", raw) as recorded:
            began = time.time()
            lookups = resolver.python(
                *("tests.lab.dns_client", "--servers", ",".join(servers), "--rate", str(rate)),
                *("--seconds", str(seconds), "--seed", str(seed)),
                output=PIPE,
            )
            pages = resolver.python(
                *("tests.lab.web", "fetch", "--servers", f"{WEB4},{WEB6}", "--seconds", str(seconds)),
                *("--seed", str(seed)),
                output=PIPE,
            )
            _sleep_until(began + before)
            gateway.nft(throttled(answers))
            outage_start = time.time()
            _sleep_until(outage_start + outage)
            gateway.nft(healthy())
            outage_end = time.time()
            attempts = result(lookups, after + 60)["attempts"]
            web = result(pages, 60)
            counters = {name: value["packets"] for name, value in gateway.counters().items()}
        packed = raw.read_bytes()
    truth: dict[str, Any] = {
        "scenario": "dns-outage",
        "client": [RESOLVER4, RESOLVER6],
        "servers": ROOTS4 + ROOTS6,
        "outage_start": outage_start,
        "outage_end": outage_end,
        "attempts": len(attempts),
        "answered": sum(1 for row in attempts if row[1]),
        "phases": {
            "before": phase(attempts, 0.0, outage_start),
            "outage": phase(attempts, outage_start, outage_end),
            "after": phase(attempts, outage_end, float("inf")),
        },
        "gateway": counters,
        "web": web,
        "tcpdump": recorded,
        "seed": seed,
    }
    truth["phases"]["before"]["start"] = began
    truth["phases"]["after"]["end"] = max(row[0] for row in attempts)
    if recorded.get("packets dropped by kernel", 0):
        raise LabError(f"tcpdump lost packets: {recorded}; the machine was too busy, run it again")
    out.write_bytes(gzip.compress(packed, 9, mtime=0))
    out.with_name(out.name.split(".")[0] + ".truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return truth


def _connect(net: Any, resolver: Namespace, gateway: Namespace, internet: Namespace) -> None:
    """resolver — gateway — internet, both address families."""
    net.wire(resolver, "uplink", gateway, "inside")
    net.wire(gateway, "outside", internet, "edge")
    gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    far4, far6 = "192.0.2.1", "2001:db8:f::1"
    for where, device, addresses in (
        (resolver, "uplink", (f"{RESOLVER4}/24", f"{RESOLVER6}/64")),
        (gateway, "inside", (f"{GATEWAY4}/24", f"{GATEWAY6}/64")),
        (gateway, "outside", ("192.0.2.2/30", "2001:db8:f::2/64")),
        (internet, "edge", (f"{far4}/30", f"{far6}/64")),
    ):
        for address in addresses:
            where.ip("address", "add", address, "dev", device, *(("nodad",) if ":" in address else ()))
    for address in (*ROOTS4, WEB4):
        internet.ip("address", "add", f"{address}/32", "dev", "lo")
    for address in (*ROOTS6, WEB6):
        internet.ip("address", "add", f"{address}/128", "dev", "lo", "nodad")
    resolver.ip("route", "add", "default", "via", GATEWAY4)
    resolver.ip("-6", "route", "add", "default", "via", GATEWAY6)
    gateway.ip("route", "add", "default", "via", far4)
    gateway.ip("-6", "route", "add", "default", "via", far6)
    internet.ip("route", "add", "default", "via", "192.0.2.2")
    internet.ip("-6", "route", "add", "default", "via", "2001:db8:f::2")


def _sleep_until(moment: float) -> None:
    while (left := moment - time.time()) > 0:
        time.sleep(left)


def main() -> None:
    parser = argparse.ArgumentParser(description="Record a DNS outage made in network namespaces.")
    parser.add_argument("out", type=Path, help="capture to write, .pcap.gz")
    parser.add_argument("--before", type=float, default=28.0, help="healthy seconds first (default 28)")
    parser.add_argument("--outage", type=float, default=40.0, help="seconds of outage (default 40)")
    parser.add_argument("--after", type=float, default=32.0, help="healthy seconds after (default 32)")
    parser.add_argument("--rate", type=float, default=46.7, help="lookups a second (default 46.7)")
    parser.add_argument("--answers", type=int, default=8, help="answers a second that pass in the outage (default 8)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    try:
        truth = dns_outage(
            given.out,
            before=given.before,
            outage=given.outage,
            after=given.after,
            rate=given.rate,
            answers=given.answers,
            seed=given.seed,
        )
    except LabError as error:
        sys.exit(f"dns_outage: {error}")
    bad = truth["phases"]["outage"]
    share = bad["attempts"] / max(1, bad["answered"])
    print(
        f"{given.out}: {truth['attempts']} attempts; in the outage one answer per {share:.1f} queries", file=sys.stderr
    )


if __name__ == "__main__":
    main()
