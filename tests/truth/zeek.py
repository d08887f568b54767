"""Zeek's logs: reading them, and comparing conn.log with our connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.truth.differences import Difference
from tests.truth.ours import Connection

Row = dict[str, str]
UNSET = "-"


def read(path: Path) -> list[Row]:
    """Rows of a Zeek log, also one that was cut down to some columns (names of those cut away are empty)."""
    names: list[str] = []
    rows: list[Row] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#fields"):
            names = line.split("\t")[1:]
        elif line and not line.startswith("#"):
            cells = line.split("\t")
            if not names:
                names = cells  # a cut log has its header as first line
                continue
            rows.append({name: cell for name, cell in zip(names, cells, strict=False) if name})
    return rows


@dataclass(frozen=True, slots=True)
class Match:
    """A row of conn.log and our connection that is the same; `flipped` if we see the other end as originator."""

    theirs: Row
    ours: Connection | None
    flipped: bool = False


def name(row: Row) -> str:
    """The connection for people; what the log leaves out is ``?``."""
    shown = [row.get(column, "?") for column in ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")]
    return f"{transport(row) or 'ip'} {shown[0]}:{shown[1]} > {shown[2]}:{shown[3]}"


def transport(row: Row) -> str:
    """The protocol by our name, empty where the log does not say."""
    text = row.get("proto", "")
    if text == "unknown_transport":
        return f"ip-{row.get('ip_proto', '?')}"
    return text


def agrees(row: Row, one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Whether a connection from `one` to `other` is that of the row, as far as it says."""
    columns = {"id.orig_h": one[0], "id.orig_p": str(one[1]), "id.resp_h": other[0], "id.resp_p": str(other[1])}
    return all(row.get(column, text) == text for column, text in columns.items())


def match(rows: list[Row], connections: tuple[Connection, ...]) -> tuple[list[Match], list[Connection]]:
    """Pair rows with connections by protocol, addresses and ports; also gives the connections that are left over.

    Several with the same addresses and ports, or all where the log has no addresses, are paired so that few values
    differ.
    """
    left = list(connections)
    found: list[Match] = []
    for row in rows:
        candidates: list[tuple[int, int, Connection, bool]] = []
        for position, ours in enumerate(left):
            flipped = not agrees(row, ours.source, ours.destination)
            if flipped and not agrees(row, ours.destination, ours.source):
                continue
            if transport(row) not in ("", ours.protocol):
                continue
            differing = sum(1 for _ in values(row, ours, flipped))
            candidates.append((differing + 10 * flipped, position, ours, flipped))
        if candidates:
            _, _, best, flipped = min(candidates, key=lambda item: item[:2])
            left = [item for item in left if item is not best]
            found.append(Match(row, best, flipped))
        else:
            found.append(Match(row, None))
    return found, left


def values(row: Row, ours: Connection, flipped: bool) -> Iterator[tuple[str, object, object]]:
    """(field, theirs, ours) for each value that differs."""
    orig, resp = (ours.resp, ours.orig) if flipped else (ours.orig, ours.resp)
    stream = ours.protocol == "tcp"
    pairs = {
        "conn_state": ours.state,
        "history": ours.history,
        "orig_pkts": orig.packets,
        "resp_pkts": resp.packets,
        "orig_ip_bytes": orig.bytes,
        "resp_ip_bytes": resp.bytes,
        "orig_bytes": orig.stream_bytes if stream else orig.payload_bytes,
        "resp_bytes": resp.stream_bytes if stream else resp.payload_bytes,
        "missed_bytes": orig.missed_bytes + resp.missed_bytes,
    }
    for column, mine in pairs.items():
        if column not in row:
            continue
        text = row[column]
        if text == UNSET and not isinstance(mine, str):
            continue  # sizes are not logged for connections without duration
        theirs: object = int(text) if not isinstance(mine, str) else "" if text == UNSET else text
        if theirs != mine:
            yield column, theirs, mine
    if "duration" in row:
        seconds = None if row["duration"] == UNSET else float(row["duration"])
        mine_s = (ours.end - ours.start) / 1e9
        if abs((seconds or 0.0) - mine_s) > 2e-6:
            yield "duration", row["duration"], f"{mine_s:.6f}"


def compare(
    baseline: str, rows: list[Row], inner: tuple[Connection, ...], outer: tuple[Connection, ...]
) -> list[Difference]:
    """All differences between a conn.log and our connections.

    Zeek logs a tunnel's outer connection beside the inner ones; we have one or the other by setting, so rows that the
    first run (`inner`) does not have are looked for in the second (`outer`).
    """
    inner_matches, left = match(rows, inner)
    missing = [item.theirs for item in inner_matches if item.ours is None]
    outer_matches, _ = match(missing, outer)
    found: list[Difference] = []

    def differ(connection: str, field: str, theirs: object, mine: object) -> None:
        found.append(Difference("zeek", baseline, connection, field, theirs, mine))

    for item in [item for item in inner_matches if item.ours is not None] + outer_matches:
        if item.ours is None:
            differ(name(item.theirs), "connection", "logged", "absent")
            continue
        if item.flipped:
            differ(name(item.theirs), "originator", "theirs", "the other")
        for field, theirs, mine in values(item.theirs, item.ours, item.flipped):
            differ(name(item.theirs), field, theirs, mine)
    for ours in left:
        differ(str(ours), "connection", "absent", "recorded")
    return found
