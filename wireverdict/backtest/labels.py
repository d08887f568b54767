"""Labels: what was wrong, with whom and when, as people know it; read from CSV or JSON, and held against incidents."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Any, Literal

import msgspec

from wireverdict.backtest.incidents import Incident
from wireverdict.backtest.verdict_labels import are_verdicts, label_rows

FIELDS = ("who", "what", "from", "to", "where", "expect", "group", "note")
NEEDED = FIELDS[:4]


class LabelError(ValueError):
    """A label that cannot be read; says which one and why."""


class Label(msgspec.Struct, frozen=True):
    """One trouble that was, or one that may be mentioned, or a time in which nothing was wrong. Times in ns, None: open.

    `who`: ``a`` (an address or network that is one of the subject's ends), ``a > b`` or ``a > b:port`` (the source and the
    destination; ``*`` for anybody, nothing where the subject names nobody), ``*``. `what`: rule ids with ``|`` between
    them, ``*``. `where`: a pattern for the sensor or the capture's name. `expect`: ``fires``; ``may`` (a verdict is no
    error, none is no miss); ``never`` (any verdict is an error). `group`: a line of the table by groups.
    """

    who: str
    what: str
    begin: int | None
    end: int | None
    where: str = "*"
    expect: Literal["fires", "may", "never"] = "fires"
    group: str = ""
    note: str = ""

    def concerns(self, incident: Incident) -> bool:
        """Whether it speaks of the incident's place, detector and subject, whatever the time."""
        named = self.what == "*" or incident.rule in self.what.split("|")
        return named and fnmatchcase(incident.place, self.where) and _is(self.who, incident)

    def meets(self, place: str, first: int, last: int) -> bool:
        """Whether it speaks of a place that was watched from `first` to `last` (ns)."""
        begun, over = self.begin is None or self.begin <= last, self.end is None or self.end >= first
        return fnmatchcase(place, self.where) and begun and over


def read_labels(text: str, name: str) -> list[Label]:
    """Labels of a CSV file with a line of heads, of a JSON list, or of JSON lines; or of verdicts as JSON, one an incident.
    Raises LabelError."""
    head = text.lstrip()[:1]
    if head in ("[", "{"):
        rows = _json(text, name)
        if are_verdicts(rows):
            try:
                rows = label_rows(rows)
            except (KeyError, TypeError, AttributeError) as error:
                raise LabelError(f"{name}: a verdict that lacks something: {error!r}") from None
    else:
        table = csv.DictReader(io.StringIO(text))
        heads = [head.strip() for head in table.fieldnames or []]
        table.fieldnames = heads
        missing = [field for field in NEEDED if field not in heads]
        if missing:
            raise LabelError(
                f"{name}: the first line must name the columns {', '.join(NEEDED)}; missing: {', '.join(missing)}"
            )
        rows = list(table)
    return [_label(row, f"{name}, label {number}") for number, row in enumerate(rows, 1)]


def moment(text: Any, where: str) -> int | None:
    """ns since 1970 of an RFC 3339 time or of seconds since 1970; None for nothing. Raises LabelError."""
    if text is None or text == "":
        return None
    try:
        seconds, _, fraction = str(text).strip().partition(".")
        whole = int(seconds)
    except ValueError:
        return _date(str(text).strip(), where)
    digits = (fraction + "0" * 9)[:9]
    if not digits.isdigit():
        raise LabelError(f"{where}: {text!r} is no time")
    return whole * 1_000_000_000 + int(digits)


def _date(text: str, where: str) -> int:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise LabelError(
            f"{where}: {text!r} is neither a time such as 2026-11-23T07:01:21Z nor seconds since 1970"
        ) from None
    if when.tzinfo is None:
        raise LabelError(f"{where}: {text!r} has no time zone; add Z for UTC")
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def _json(text: str, name: str) -> list[dict[str, Any]]:
    try:
        if text.lstrip().startswith("["):
            rows = msgspec.json.decode(text)
        else:
            rows = [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]
    except msgspec.DecodeError as error:
        raise LabelError(f"{name}: {error}") from None
    if not all(isinstance(row, dict) for row in rows):
        raise LabelError(f"{name}: a label is an object with {', '.join(NEEDED)}")
    return list(rows)


def _label(row: dict[str, Any], where: str) -> Label:
    unknown = [str(field) for field in row if field not in FIELDS]
    if unknown:
        raise LabelError(f"{where}: there is no column {unknown[0]}; there are {', '.join(FIELDS)}")
    values = {field: str(row.get(field) or "").strip() for field in FIELDS if field not in ("from", "to")}
    if not values["what"]:
        raise LabelError(f"{where}: `what` is empty: name the detector, or *")
    if values["expect"] not in ("", "fires", "may", "never"):
        raise LabelError(f"{where}: `expect` is {values['expect']!r}; it must be fires, may or never")
    begin, end = moment(row.get("from"), where), moment(row.get("to"), where)
    if begin is not None and end is not None and end < begin:
        raise LabelError(f"{where}: it ends before it begins")
    for part in values["who"].split(">"):
        address, _ = _ends(part)
        try:
            if address not in ("", "*"):
                ip_network(address, strict=False)
        except ValueError:
            raise LabelError(f"{where}: {address!r} in `who` is no address or network") from None
    return Label(
        who=values["who"] or "*",
        what=values["what"],
        begin=begin,
        end=end,
        where=values["where"] or "*",
        expect=values["expect"] or "fires",  # type: ignore[arg-type]
        group=values["group"],
        note=values["note"],
    )


def _is(who: str, incident: Incident) -> bool:
    subject = incident.subject
    if who == "*":
        return True
    left, divided, right = who.partition(">")
    if not divided:
        address, port = _ends(left)
        ends = [(subject.source_ip, subject.source_port), (subject.destination_ip, subject.destination_port)]
        return any(ip and _within(address, ip) and port in (0, its) for ip, its in ends)
    source, source_port = _ends(left)
    destination, port = _ends(right)
    return (
        _within(source, subject.source_ip)
        and _within(destination, subject.destination_ip)
        and source_port in (0, subject.source_port)
        and port in (0, subject.destination_port)
    )


def _within(wanted: str, ip: str) -> bool:
    if wanted == "*":
        return True
    if not wanted or not ip:
        return wanted == ip
    return ip_address(ip) in ip_network(wanted, strict=False)


def _ends(text: str) -> tuple[str, int]:
    """Address (or network) and port of ``a``, ``a:53``, ``[v6]:53``; 0 for no port."""
    text = text.strip()
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, int(port[1:]) if port[1:].isdigit() else 0
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, int(port) if port.isdigit() else 0
    return text, 0
