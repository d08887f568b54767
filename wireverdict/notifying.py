"""Settings of routes, and of the notifier that stands before pagers and chat. Values only."""

from __future__ import annotations

import ipaddress
from typing import Literal

import msgspec


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some verdicts: all that is given has to match."""

    rules: tuple[str, ...] = ()
    """detectors, such as "dns-*"; empty: all."""
    severity: Literal["info", "warning", "critical"] = "info"
    """the least."""
    sensors: tuple[str, ...] = ()
    """names of sensors, such as "fra-*"; empty: all."""
    networks: tuple[str, ...] = ()
    """in CIDR notation, one of which a verdict's address must be in; empty: all."""
    labels: dict[str, str] = {}
    """values, such as "fra-*", that labels of these names must have."""

    def __post_init__(self) -> None:
        for network in self.networks:
            ipaddress.ip_network(network, strict=False)


class Route(Selection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which verdicts go to some sinks."""

    sinks: tuple[str, ...]
    """names of sinks."""
    after: float = 0.0
    """s that a trouble must have gone on for; for sinks that get pages. Whom to tell when nobody has mended it."""


class Labels(Selection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Labels that some verdicts get, for routes, silences and groups."""

    set: dict[str, str]
    """label: value."""


class Quiet(Selection, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A window that comes again and again, in which some verdicts page nobody."""

    every: str
    """when it begins, as cron writes it: "0 22 * * SUN"."""
    length: float
    """s that it lasts."""
    zone: str = "UTC"
    """of `every`, such as "Europe/Berlin"."""
    comment: str = ""
    """why."""


class Inhibition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """While one trouble goes on, others are only its consequence, or cannot be trusted."""

    source: tuple[str, ...]
    """detectors whose trouble silences …"""
    target: tuple[str, ...]
    """… that of these."""
    severity: Literal["info", "warning", "critical"] = "info"
    """the least of the source."""
    equal: tuple[str, ...] = ("sensor",)
    """what both must have in common: sensor, service, rule, source, destination, label:NAME."""


DEFAULT_INHIBITIONS = (
    Inhibition(("dns-loss",), ("throttling-ratio", "slow-*", "dns-slow*"), "critical", ("sensor", "service")),
    Inhibition(
        ("capture-loss",),
        ("dns-loss", "throttling-ratio", "new-flow-loss", "retransmission-storm"),
        "info",
        ("sensor",),
    ),
)
"""A resolver that does not answer makes names slow and ratios bad. What a capture misses looks like loss."""


class NotifySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies between verdicts and the sinks that wake people: pagers, chat, and a webhook that asks for pages. Times are
    those of the clock on the wall."""

    group_by: tuple[str, ...] = ("service",)
    """what troubles of one page have in common: service, sensor, rule, source, destination, label:NAME. `service` is dns,
    capture, silence, a port, or else the detector."""
    join: float = 60.0
    """s of packet time: a trouble that begins so close to another of the same host at the same sensor joins its page."""
    wait: float = 10.0
    """s that a new page waits for what belongs to it."""
    update: float = 300.0
    """s between updates of a page; what becomes more severe is told at once."""
    remind: float = 14_400.0
    """s after which a page that goes on is told again; 0: never."""
    escalate: float = 0.0
    """s after which a page that goes on becomes critical; 0: never. For other people than the first, see routes' `after`."""
    hold: float = 300.0
    """s that all must be well before a page is resolved; doubled each time that the trouble comes back …"""
    hold_most: float = 3_600.0
    """… up to so many s, in which the pager is also remembered to have been called before."""
    pages: int = 10
    """new pages …"""
    pages_in: float = 600.0
    """… in so many s. What is more shares one page that counts them."""
    stale: float = 3_600.0
    """s after which a trouble that is over before anybody was told is not told any more."""
    doubtful: float = 0.2
    """share of packets that the capture missed, from which on verdicts about loss are not told."""
    nothing: float = 0.0
    """s without a window from any sensor after which that is told, as critical; 0: never. For fleets that always capture."""
    remember: float = 86_400.0
    """s that a trouble is remembered after its end, so that verdicts that are sent again do not page again."""
    inhibitions: tuple[Inhibition, ...] = ()
    """more of them (docs/sinks.md)."""
    default_inhibitions: bool = True
    """whether a dead resolver silences ratios and slow names behind it, and a bad capture what it makes doubtful."""
    quiet: tuple[Quiet, ...] = ()
    """windows that come again in which nobody is paged (docs/sinks.md); once: wireverdict silence add."""

    def __post_init__(self) -> None:
        if min(self.wait, self.update, self.remind, self.escalate, self.hold, self.join, self.stale) < 0:
            raise ValueError("the times in the section sinks.notify must not be negative")
        if self.pages < 1 or self.pages_in <= 0:
            raise ValueError("sinks.notify.pages and pages_in must be more than 0")
        known = ("service", "sensor", "rule", "source", "destination")
        named = [*self.group_by, *(name for each in self.inhibitions for name in each.equal)]
        for name in named:
            if name not in known and not name.startswith("label:"):
                raise ValueError(f"sinks.notify: {name!r} is none of {', '.join(known)}, label:NAME")
