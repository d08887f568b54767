"""What a scenario file (``tests/lab/scenarios/NAME.toml``) says: the path, the traffic, the fault, what must be found.

Times are seconds. `before`, `fault` and `after` follow each other; rules and queues with ``when = "fault"`` hold in the
middle part only. Hosts are called by their names in `tests.lab.topology.ADDRESSES`, in braces within command lines.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from tests.lab.topology import ADDRESSES

FOLDER = Path(__file__).with_name("scenarios")
CAPTURES = Path(__file__).with_name("captures")

When = Literal["all", "fault", "before"]
Side = Literal["up", "down"]
View = Literal["client", "server"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the parts of a scenario."""


class Wire(Part, frozen=True):
    """The path's delay; see `tests.lab.router`."""

    delay_ms: float = 15.0
    jitter_ms: float = 0.0
    reorder: float = 0.0
    reorder_ms: float = 4.0
    longer_ms: float = 0.0
    """so much longer is the route, each way, while the fault lasts."""


class Queue(Part, frozen=True):
    """A slow link in one direction: tbf."""

    side: Side
    rate: str
    limit: int
    burst: int = 3000


class Traffic(Part, frozen=True):
    """A program of the lab, run at the client: its module and arguments. {names} of hosts, {seconds} and {seed} are filled
    in."""

    run: str
    when: When = "all"


class Expected(Part, frozen=True):
    """A verdict that must fire: its rule and subject (hosts by name), and in which captures."""

    rule: str
    source: str = ""
    destination: str = ""
    port: int = 0
    seen: tuple[View, ...] = ("client", "server")

    def subject(self) -> tuple[str, str, int]:
        """(source address, destination address, destination port); "" and 0 for what it does not name."""
        return ADDRESSES.get(self.source, self.source), ADDRESSES.get(self.destination, self.destination), self.port


class Scenario(Part, frozen=True, kw_only=True):
    """See the module."""

    about: str
    name: str = ""
    before: float = 15.0
    fault: float = 30.0
    after: float = 40.0
    congestion: Literal["cubic", "bbr", "reno"] = "cubic"
    offloads: bool = False
    wire: Wire = Wire()
    queues: tuple[Queue, ...] = ()
    up: tuple[str, ...] = ()
    """nftables rules for what goes from client to server while the fault lasts."""
    down: tuple[str, ...] = ()
    dns: tuple[str, ...] = ("resolver1=8", "resolver2=12", "resolver3=20")
    """resolver=delay in ms."""
    traffic: tuple[Traffic, ...]
    healthy: bool = False
    """No fault at all: run with many seeds."""
    expect: tuple[Expected, ...] = ()
    also: dict[str, str] = {}
    """Rules that may fire besides, and why that is right."""
    views: tuple[View, ...] = ("client", "server")
    short: tuple[float, float, float] | None = None
    """before, fault and after of the form that CI runs live; it ends too soon for verdicts to be resolved."""

    def shortened(self) -> Scenario:
        """The form that CI runs. Raises ValueError if there is none."""
        if self.short is None:
            raise ValueError(f"{self.name} has no short form")
        before, fault, after = self.short
        return msgspec.structs.replace(self, before=before, fault=fault, after=after)


def load(name: str) -> Scenario:
    """The scenario of that name. Raises msgspec.ValidationError for what makes no sense."""
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return msgspec.convert(table | {"name": name}, Scenario)


def names() -> list[str]:
    """All scenarios, in order."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))
