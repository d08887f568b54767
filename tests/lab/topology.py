"""The lab's standing network: client — left gateway ═ wire with delay ═ right gateway — server, IPv4 and IPv6.

Captures are taken at the client and at the server, so that every scenario is seen from the sender's and from the
receiver's side. Rules and queues stand in the left gateway ("up") and in the right one ("down"), each on its way to the
wire.
"""

from __future__ import annotations

import json
import select
import signal
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from tests.lab.network import LabError, Namespace, Network

ADDRESSES = {
    "client": "198.18.0.2",
    "client6": "2001:db8:18::2",
    "web": "192.0.2.80",
    "web6": "2001:db8:80::80",
    "bulk": "192.0.2.90",
    "bulk6": "2001:db8:90::90",
    "hole": "192.0.2.66",
    "closed": "192.0.2.67",
    "forbidden": "192.0.2.68",
    "voice": "192.0.2.50",
    "resolver1": "198.19.1.53",
    "resolver2": "198.19.2.53",
    "resolver3": "198.19.3.53",
    "cloud": "169.254.169.253",
}
"""What scenarios call the hosts. All but the client's are the server's."""
LATEST = 5.0
"""ms by which 99 of 100 packets may leave the wire late at most: beyond, the machine was too busy for truth."""

RULES = """
table inet lab {
  counter dropped { }
  counter passed { }
  chain fault_up { }
  chain fault_down { }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state invalid counter
    iifname "inside" jump fault_up
    iifname "outside" jump fault_down
  }
}
"""


class Topology:
    """The four namespaces. `congestion`: congestion control of both ends."""

    def __init__(self, net: Network, wire: dict[str, float], *, congestion: str, offloads: bool, seed: int) -> None:
        if not Path("/dev/net/tun").exists():
            raise LabError("the wire with delay is made of TUN devices, and there is no /dev/net/tun: modprobe tun")
        self.client, self.left, self.right, self.server = (
            net.namespace(n) for n in ("client", "left", "right", "server")
        )
        net.wire(self.client, "uplink", self.left, "inside", offloads=offloads)
        net.wire(self.right, "outside", self.server, "edge", offloads=offloads)
        for gateway in (self.left, self.right):
            gateway.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
            gateway.nft(RULES)
        for end in (self.client, self.server):
            end.sysctl(ipv4__tcp_no_metrics_save=1)
        self._addresses()
        options = [text for name, value in wire.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        self.wire = self.left.python(
            "tests.lab.router",
            f"{self.left.name},wan,default,2000::/3",
            f"{self.right.name},lan,198.18.0.0/24,2001:db8:18::/64",
            *(*options, "--seed", str(seed)),
            output=PIPE,
        )
        expect(self.wire, "ready", 120)
        self._routes(congestion)

    def _addresses(self) -> None:
        for where, device, texts in (
            (self.client, "uplink", (f"{ADDRESSES['client']}/24", f"{ADDRESSES['client6']}/64")),
            (self.left, "inside", ("198.18.0.1/24", "2001:db8:18::1/64")),
            (self.right, "outside", ("192.0.2.2/30", "2001:db8:f::2/64")),
            (self.server, "edge", ("192.0.2.1/30", "2001:db8:f::1/64")),
        ):
            for text in texts:
                where.ip("address", "add", text, "dev", device, *(("nodad",) if ":" in text else ()))
        for name, address in ADDRESSES.items():
            if not name.startswith("client"):
                plain = ":" not in address
                self.server.ip(
                    "address", "add", f"{address}/{32 if plain else 128}", "dev", "lo", *(() if plain else ("nodad",))
                )

    def _routes(self, congestion: str) -> None:
        by = ("congctl", congestion)
        self.client.ip("route", "add", "default", "via", "198.18.0.1", *by)
        self.client.ip("-6", "route", "add", "default", "via", "2001:db8:18::1", *by)
        self.server.ip("route", "add", "default", "via", "192.0.2.2", *by)
        self.server.ip("-6", "route", "add", "default", "via", "2001:db8:f::2", *by)
        self.right.ip("route", "add", "192.0.2.0/24", "via", "192.0.2.1")
        self.right.ip("route", "add", "198.19.0.0/16", "via", "192.0.2.1")
        self.right.ip("route", "add", "169.254.0.0/16", "via", "192.0.2.1")
        self.right.ip("-6", "route", "add", "2001:db8::/32", "via", "2001:db8:f::1")

    def fault(self, side: str, rules: list[str]) -> None:
        """Put rules into force for what goes up or down; none: end the fault. Counters go on."""
        chain = f"inet lab fault_{side}"
        script = [f"flush chain {chain}", *(f"add rule {chain} {rule.format(**ADDRESSES)}" for rule in rules)]
        self.gateway(side).nft("\n".join(script) + "\n")

    def queue(self, side: str, rate: str, limit: int, burst: int) -> None:
        """A slow link with a drop-tail queue of `limit` bytes, in that direction."""
        device = "wan" if side == "up" else "lan"
        bucket = ("tbf", "rate", rate, "burst", str(burst), "limit", str(limit))
        self.gateway(side).run("tc", "qdisc", "replace", "dev", device, "root", *bucket)

    def backlog(self, side: str) -> dict[str, int]:
        """What that direction's queue holds and has dropped."""
        listed = self.gateway(side).run("tc", "-j", "-s", "qdisc", "show", "dev", "wan" if side == "up" else "lan")
        root = json.loads(listed)[0]
        return {name: int(root.get(name, 0)) for name in ("backlog", "drops", "packets", "bytes")}

    def gateway(self, side: str) -> Namespace:
        """The one in which a direction's faults are made."""
        return self.left if side == "up" else self.right

    def checked_wire(self) -> dict[str, Any]:
        """Stop the wire and give what it counted. Raises LabError if it was too late to be believed."""
        counted = finish(self.wire)
        if counted["late_p99_ms"] > LATEST or counted["overflow"] or counted["refused"]:
            raise LabError(f"the wire was disturbed, the machine was too busy: {counted}; run it again")
        return counted


def kernel(where: Namespace) -> dict[str, int]:
    """TCP and UDP counters of a namespace, as nstat shows them: {"Tcp.RetransSegs": n, …}."""
    found: dict[str, int] = {}
    for name in ("snmp", "netstat"):
        lines = where.run("cat", f"/proc/net/{name}").splitlines()
        for head, values in zip(lines[::2], lines[1::2], strict=True):
            group, *keys = head.split()
            found |= {f"{group[:-1]}.{key}": int(v) for key, v in zip(keys, values.split()[1:], strict=True)}
    wanted = (
        "Tcp.RetransSegs",
        "Tcp.OutSegs",
        "Tcp.InSegs",
        "TcpExt.TCPDSACKRecv",
        "Udp.InDatagrams",
        "Udp.OutDatagrams",
    )
    return {name: found[name] for name in wanted}


def expect(process: Popen[str], word: str, seconds: float) -> None:
    """Wait until a program says that it is ready."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    said = process.stdout.readline().strip() if ready else ""
    if said != word:
        process.kill()
        raise LabError(f"{process.args!r}: said {said!r} instead of {word!r}: {process.communicate()[1][-2000:]}")


def finish(process: Popen[str], seconds: float = 20.0) -> dict[str, Any]:
    """SIGINT, wait for the end, and give the JSON object of the last line."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=seconds)
    if process.returncode:
        raise LabError(f"{process.args!r}: exit status {process.returncode}: {said.strip()}")
    answer: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return answer
