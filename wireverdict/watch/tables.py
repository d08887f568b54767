"""The tables of the screen, made of a picture: busiest pairs, resolvers, troubles, connections."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ICMP, ICMP6, TCP
from wireverdict.output.endpoints import endpoints
from wireverdict.output.fields import FLAGS, PROTOCOLS, STATES
from wireverdict.output.panels import who
from wireverdict.output.units import count, duration, share, size
from wireverdict.verdicts import Severity
from wireverdict.watch.filters import Ends, Filter, ends
from wireverdict.watch.listing import Cell, Column, Listing, cut, ordered
from wireverdict.watch.picture import Picture
from wireverdict.windows.home import address_halves, address_text

FEW_BACK = 0.25
"""Packets in per packet out below which the ratio stands out: protocols that ask and answer are close to 1."""
MUCH_OUT = 20
"""Packets out from which a ratio says something."""
_MOODS = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "dim"}
_DONE = ("SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH")
_SHORT = {"retransmission_storm": "retransmits", "handshake_failed": "failed", "capture_loss": "missed"}


class Sort(NamedTuple):
    """By which column, counted among those that can be sorted by (0: as the table is made); and whether least come first."""

    column: int = 0
    backwards: bool = False


_AS_MADE = Sort()


def pairs(picture: Picture, sort: Sort = _AS_MADE) -> Listing:
    """Who exchanges most packets, and how much comes back."""
    rows = picture.pairs
    ratio = rows.into / np.maximum(rows.out, 1)
    columns = (
        Column("ours", 0, False, by=False),
        Column("peer", 0, False, by=False),
        Column("service", 9, False, 90, by=False),
        Column("out", 9),
        Column("in", 9),
        Column("in/out", 7),
        Column("sent", 9, True, 60),
        Column("received", 9, True, 60),
    )
    values = [rows.out, rows.into, np.where(rows.out > 0, ratio, np.nan), rows.out_bytes, rows.into_bytes]

    def cells(row: int) -> list[Cell]:
        out, into = int(rows.out[row]), int(rows.into[row])
        few = out >= MUCH_OUT and into < FEW_BACK * out
        return [
            Cell(address_text(*rows.ours[row].tolist()), "strong"),
            Cell(address_text(*rows.peer[row].tolist())),
            Cell(_service(int(rows.port[row]), int(rows.protocol[row])) + "+" * int(rows.services[row] > 1), "dim"),
            Cell(count(out)),
            Cell(count(into)),
            Cell(_ratio(out, into), ("bad" if into < FEW_BACK * out / 4 else "warn") if few else ""),
            Cell(size(int(rows.out_bytes[row]))),
            Cell(size(int(rows.into_bytes[row]))),
        ]

    return Listing(
        f"busiest pairs{_span(picture)}",
        columns,
        _order(values, sort, np.arange(len(rows.out))),
        cells,
        lambda row: (rows.ours[row].tobytes(), rows.peer[row].tobytes()),
        "no packets" if picture.packets else "waiting for packets",
    )


def resolvers(picture: Picture, sort: Sort = _AS_MADE) -> Listing:
    """DNS by resolver."""
    rows = picture.resolvers
    decided = np.maximum(rows.answered + rows.unanswered, 1)
    lost = np.where(rows.answered + rows.unanswered > 0, rows.unanswered / decided, np.nan)
    columns = (
        Column("resolver", 0, False, by=False),
        Column("clients", 7, True, 110),
        Column("queries", 8),
        Column("answers", 8),
        Column("waiting", 8, True, 76),
        Column("unanswered", 10),
        Column("failed", 7, True, 84),
        Column("median", 8),
        Column("p95", 8, True, 60),
    )
    values = [rows.clients, rows.queries, rows.answered, rows.waiting, lost, rows.failed, rows.p50, rows.p95]

    def cells(row: int) -> list[Cell]:
        gone = float(lost[row])
        mood = "dim" if math.isnan(gone) else "bad" if gone >= 0.5 else "warn" if gone >= 0.1 else "good"
        return [
            Cell(address_text(*rows.address[row].tolist()), "strong"),
            Cell(count(int(rows.clients[row]))),
            Cell(count(int(rows.queries[row]))),
            Cell(count(int(rows.answered[row]))),
            Cell(count(int(rows.waiting[row])), "dim"),
            Cell("–" if math.isnan(gone) else share(gone), mood),
            Cell(count(int(rows.failed[row])), "warn" if rows.failed[row] else "dim"),
            Cell(_microseconds(float(rows.p50[row]))),
            Cell(_microseconds(float(rows.p95[row]))),
        ]

    return Listing(
        f"DNS by resolver{_span(picture)}",
        columns,
        _order(values, sort, np.arange(len(rows.queries))),
        cells,
        lambda row: rows.address[row].tobytes(),
        "no DNS queries" if picture.packets else "waiting for packets",
    )


def troubles(picture: Picture, sort: Sort = _AS_MADE, chosen: Filter | None = None) -> Listing:
    """Verdicts: those that go on, then those that are over."""
    incidents = picture.incidents
    columns = (
        Column("verdict", 9, False, by=False),
        Column("what", 0, False, by=False),
        Column("who", 0, False, by=False),
        Column("since", 9, True, 90),
        Column("for", 10),
        Column("sure", 7, True, 98),
    )
    lines = [
        f"{incident.worst.severity.name} {incident.worst.name} {who(incident.worst.subject)}" for incident in incidents
    ]
    shown = np.arange(len(incidents))
    if chosen is not None:
        shown = shown[chosen.mask(_subjects(picture, lines))]
    since = np.array([incident.last.start for incident in incidents], np.int64)
    lasted = np.array([incident.last.end - incident.last.start for incident in incidents], np.int64)
    values = [since, lasted, np.array([incident.worst.confidence for incident in incidents], np.float64)]

    def cells(row: int) -> list[Cell]:
        incident = incidents[row]
        worst = incident.worst
        mood = "dim" if incident.over else _MOODS[worst.severity]
        return [
            Cell("over" if incident.over else worst.severity.name, mood),
            Cell(worst.name, mood),
            Cell(who(worst.subject), "dim" if incident.over else "strong"),
            Cell(clock(incident.last.start)),
            Cell(duration(max(0, int(lasted[row])))),
            Cell(share(worst.confidence)),
        ]

    return Listing(
        "verdicts",
        columns,
        _order(values, sort, shown),
        cells,
        lambda row: incidents[row].last.incident,
        "nothing matches" if len(incidents) else _nothing_found(picture),
    )


def connections(picture: Picture, sort: Sort = _AS_MADE, chosen: Filter | None = None) -> Listing:
    """Open connections, most bytes first, then those that have ended; with `chosen`, those that match."""
    rows = picture.connections
    source, destination = rows["source"], rows["destination"]
    columns = (
        Column("connection", 0, False, by=False),
        Column("state", 6, False, 60, by=False),
        Column("flags", 16, False, by=False),
        Column("packets", 9, True, 120),
        Column("size", 9),
        Column("lasted", 11, True, 98),
        Column("RTT", 8, True, 110),
    )
    packets = source["packets"].astype(np.int64) + destination["packets"].astype(np.int64)
    octets = source["bytes"].astype(np.int64) + destination["bytes"].astype(np.int64)
    lasted = rows["last_ts"] - rows["first_ts"]
    answered = np.where(source["rtt_samples"] > 0, source["rtt_p50"], destination["rtt_p50"]).astype(np.float64)
    answered[(source["rtt_samples"] == 0) & (destination["rtt_samples"] == 0)] = np.nan
    shown = np.arange(len(rows))
    if chosen is not None:
        shown = shown[chosen.mask(record_ends(rows))]

    def cells(row: int) -> list[Cell]:
        one = rows[row : row + 1]
        over = bool(one["final"][0])
        raised = flags_of(int(one["flags_true"][0]))
        state = STATES[min(int(one["state"][0]), len(STATES) - 1)]
        done = bool(one["protocol"][0] == TCP and state in _DONE)  # in good order or not; late packets may still come
        return [
            Cell(endpoints(one)[0], "dim" if over else "strong"),
            Cell(state if over or done else "open", "dim" if over or done else "good"),
            Cell(", ".join(_SHORT.get(name, name.replace("_", " ")) for name in raised), "warn"),
            Cell(count(int(packets[row]))),
            Cell(size(int(octets[row]))),
            Cell(duration(max(0, int(lasted[row])))),
            Cell(_microseconds(float(answered[row])), "dim"),
        ]

    told = " · ".join(f"{name.replace('_', ' ')} {count(number)}" for name, number in picture.raised)
    note = f"{count(picture.open)} open, {count(picture.ended)} ended" + (f"; flags raised: {told}" if told else "")
    return Listing(
        "connections",
        columns,
        _order([packets, octets, lasted, answered], sort, shown),
        cells,
        lambda row: rows[row][
            ["src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "protocol", "first_ts"]
        ].tobytes(),
        ("nothing matches" if len(rows) else "no connections") if picture.packets else "waiting for packets",
        note if picture.packets else "",
    )


def flags_of(bits: int) -> list[str]:
    """Names of the flags that are set."""
    return [name for bit, name in enumerate(FLAGS) if bits >> bit & 1]


def clock(ns: int) -> str:
    """``07:01:50``, UTC."""
    seconds = ns // 1_000_000_000 % 86_400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def record_ends(rows: NDArray[np.void]) -> Ends:
    """Connection records (CONNECTION[n]) as filters see them."""

    def text() -> list[str]:
        raised = [" ".join(flags_of(bits)).replace("_", " ") for bits in rows["flags_true"].tolist()]
        states = [STATES[min(number, len(STATES) - 1)] for number in rows["state"].tolist()]
        return [" ".join(parts) for parts in zip(endpoints(rows), states, raised, strict=True)]

    return ends(
        [rows[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo")],
        [rows[name].astype(np.int64) for name in ("sport", "dport", "protocol")],
        flags=rows["flags_true"].astype(np.int64),
        state=rows["state"],
        final=rows["final"],
        text=text,
    )


def _subjects(picture: Picture, lines: list[str]) -> Ends:
    """Troubles as filters see them; an address that a subject does not have is ``::``."""
    subjects = [incident.worst.subject for incident in picture.incidents]
    four = [
        np.array([address_halves(getattr(one, f"{end}_ip") or "::")[half] for one in subjects], np.uint64)
        for end in ("source", "destination")
        for half in (0, 1)
    ]
    ports = [np.array([getattr(one, f"{end}_port") for one in subjects], np.int64) for end in ("source", "destination")]
    protocols = [PROTOCOLS.index(one.protocol) if one.protocol in PROTOCOLS else 255 for one in subjects]
    return ends(four, [*ports, np.array(protocols, np.int64)], text=lambda: lines)


def _order(values: list[NDArray[Any]], sort: Sort, shown: NDArray[np.intp]) -> NDArray[np.intp]:
    if not sort.column:
        return shown[::-1] if sort.backwards else shown
    chosen = values[(sort.column - 1) % len(values)][shown]
    return shown[ordered(chosen, sort.backwards)]


def _span(picture: Picture) -> str:
    return f", {duration(picture.until - picture.since)}" if picture.until else ""


def _service(port: int, protocol: int) -> str:
    name = PROTOCOLS[protocol]
    return name if protocol in (ICMP, ICMP6) or not port else f"{name}/{port}"


def _ratio(out: int, into: int) -> str:
    """Packets that came back for each that went out."""
    if not out:
        return "in only" if into else "–"
    if not into:
        return "0"
    return f"{into / out:.2f}" if into < 99 * out else ">99"


def _microseconds(value: float) -> str:
    return "–" if math.isnan(value) else duration(round(value) * 1000)


def _nothing_found(picture: Picture) -> str:
    if not picture.packets:
        return "waiting for packets"
    if picture.windows or picture.over:
        return "nothing found" if picture.over else "nothing found so far"
    return "no window of time has been judged yet: the first is about 20 s of packets"


TABLES: dict[str, Callable[..., Listing]] = {
    "pairs": pairs,
    "resolvers": resolvers,
    "troubles": troubles,
    "connections": connections,
}


def table(name: str, picture: Picture, sort: Sort, chosen: Filter | None) -> Listing:
    """A table by its name in TABLES. Pairs and resolvers of a picture match its filter already."""
    if name in ("troubles", "connections"):
        return TABLES[name](picture, sort, chosen)
    return TABLES[name](picture, sort)


def sortable(listing: Listing) -> list[str]:
    """Titles of the columns that it can be sorted by, in order."""
    return [column.title for column in listing.columns if column.by]


__all__ = ["Sort", "connections", "cut", "pairs", "record_ends", "resolvers", "sortable", "table", "troubles"]
