"""``wireverdict explain``: its options, and where the verdict comes from."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wireverdict.cli.plugins import detector_option

if TYPE_CHECKING:
    from wireverdict.settings import Settings

SHORTEST = 6
"""Digits of an id that are enough to name it."""


@click.command(
    "explain",
    epilog="wireverdict analyze --json FILE | wireverdict explain explains every verdict that fires in FILE. "
    "Exit status: 0, or 2 if there is no such verdict.",
)
@click.argument("verdict", required=False, default="", metavar="[VERDICT]")
@click.option("--in", "source", default="-", metavar="FILE", help="JSON lines with verdicts (default: standard input).")
@click.option("--config", metavar="FILE", envvar="WIREVERDICT_CONFIG", help="Settings that the verdict was made with.")
@detector_option
def command(verdict: str, source: str, config: str | None, detectors: tuple[str, ...]) -> int:
    """Say in words why a verdict fired.

    VERDICT is the id of a verdict (event.id), of an incident or a fingerprint, or their first six or more digits. Without
    it, every trouble in the input is explained by its gravest verdict.
    """
    from wireverdict.cli.analysis import read_settings
    from wireverdict.cli.plugins import loaded
    from wireverdict.explain.verdict import NotAVerdict
    from wireverdict.settings import SettingsError, from_environment, settings

    try:
        sources = [read_settings(config)] if config else []
        chosen = loaded(settings([*sources, from_environment(os.environ)], detectors))
        found = gravest(select(read(source), verdict))
        if not found:
            raise click.ClickException(f"no verdict {verdict} in the input" if verdict else "no verdict in the input")
        told = [explained(document, chosen) for document in found]
    except (SettingsError, NotAVerdict) as error:
        raise click.ClickException(str(error)) from None
    click.echo("\n\n".join("\n".join(part) for part in told))
    return 0


def explained(document: dict[str, Any], chosen: Settings) -> list[str]:
    """The lines about one verdict. Raises NotAVerdict, also for one that somebody has changed."""
    from wireverdict.explain.text import lines
    from wireverdict.explain.verdict import NotAVerdict, explain

    try:
        return lines(document, explain(document, chosen))
    except NotAVerdict:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise NotAVerdict(f"this verdict is not as wireverdict writes them ({what}): was it changed?") from None


def read(source: str) -> Iterator[dict[str, Any]]:
    """Verdicts of JSON lines, or of one JSON value on several lines. Other documents are passed over. Raises
    click.ClickException."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read {source}: {getattr(error, 'strerror', None) or error}") from None
    for value in documents(text, source):
        for document in unwrapped(value):
            event = document.get("event")
            if isinstance(event, dict) and event.get("dataset") == "wireverdict.verdict":
                yield document


def unwrapped(value: Any) -> Iterator[dict[str, Any]]:
    """The documents in a JSON value: itself, those of a list, or what a search answers and shows (``hits``, ``_source``)."""
    if isinstance(value, list):
        for each in value:
            yield from unwrapped(each)
    elif isinstance(value, dict):
        inner = value.get("_source", value.get("hits"))
        if isinstance(inner, dict | list):
            yield from unwrapped(inner)
        else:
            yield value


def documents(text: str, source: str) -> Iterator[Any]:
    """One JSON value a line, or one in all. Raises click.ClickException."""
    try:
        yield from [json.loads(line) for line in text.split("\n") if line.strip()]
    except json.JSONDecodeError:
        try:
            yield json.loads(text)
        except json.JSONDecodeError as error:
            name = "standard input" if source == "-" else source
            raise click.ClickException(f"{name} is not JSON: {error}") from None


def select(found: Iterable[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """Those whose id, incident or fingerprint begins with `wanted`; all for "". Raises click.ClickException."""
    if wanted and len(wanted) < SHORTEST:
        raise click.ClickException(f"{wanted} is too short for an id: give {SHORTEST} or more of its digits")
    wanted = wanted.lower()
    return [document for document in found if not wanted or any(name.startswith(wanted) for name in names(document))]


def names(document: dict[str, Any]) -> list[str]:
    """What a verdict can be called: its id, its incident's and its trouble's."""
    mine = document.get("wireverdict", {})
    return [str(document["event"].get("id")), str(mine.get("incident")), str(mine.get("fingerprint"))]


def gravest(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One verdict of each incident: the gravest, and of several the last that fired."""
    best: dict[str, dict[str, Any]] = {}
    for document in found:
        incident = names(document)[1]
        if incident not in best or _weight(document) >= _weight(best[incident]):
            best[incident] = document
    return list(best.values())


def _weight(document: dict[str, Any]) -> tuple[int, bool]:
    return document["event"].get("severity", 0), document.get("wireverdict", {}).get("status") == "firing"
