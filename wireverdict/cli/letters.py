"""What ``wireverdict dead-letters`` does."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import click
import orjson
from confluent_kafka import KafkaException

from sinks.base import Document, Unavailable
from sinks.dead_letters import Letter, Letters, NotWritten, read_letters
from sinks.messages import documents, kinds
from wireverdict.bus import BadMessage
from wireverdict.cli.deliver import made
from wireverdict.cli.roles import chosen_settings
from wireverdict.settings import Settings
from wireverdict.verdicts import timestamp


def waiting(config: str | None) -> list[Letter]:
    """All letters. Raises click.ClickException."""
    bus = chosen_settings(config).bus
    try:
        return read_letters(bus)
    except (KafkaException, OSError) as error:
        words = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise click.ClickException(f"cannot read the dead letters from {bus.servers}: {words}") from None


def chosen(config: str | None, places: Sequence[str]) -> list[Letter]:
    """Letters by their places. Raises click.ClickException."""
    found = {letter.place: letter for letter in waiting(config)}
    for place in places:
        if place not in found:
            raise click.ClickException(f"there is no letter {place}, or it was delivered already")
    return [found[place] for place in places]


def as_line(letter: Letter) -> str:
    """For people."""
    origin = f"{letter.origin.topic}[{letter.origin.partition}]@{letter.origin.offset}"
    return f"{letter.place}  {timestamp(letter.time * 1_000_000)}  {letter.sink or '-'}  {origin}  {letter.reason}"


def as_object(letter: Letter, whole: bool = False) -> str:
    """As JSON; `whole`: with headers and value, bytes that are not UTF-8 in base64."""
    shown: dict[str, Any] = {
        "place": letter.place,
        "time": timestamp(letter.time * 1_000_000),
        "id": letter.id,
        "sink": letter.sink or None,
        "reason": letter.reason,
        "origin": letter.origin._asdict(),
        "document": letter.document_id or None,
    }
    if whole:
        shown |= {
            "key": _text(letter.key),
            "headers": {name: _text(value) for name, value in letter.headers},
            "value": _value(letter.value),
        }
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2 if whole else 0).decode()


def deliver(config: str | None, letters: Sequence[Letter]) -> bool:
    """Hand letters to their sinks once more and say what happened; whether all were taken."""
    settings = chosen_settings(config)
    done = Letters(settings.bus)
    good = True
    try:
        for name in dict.fromkeys(letter.sink for letter in letters):
            own = [letter for letter in letters if letter.sink == name]
            if not name:
                click.echo("letters of a worker cannot be tried again: their place in the stream is gone")
                good = False
                continue
            good &= _to_sink(name, own, settings, done)
    finally:  # also where a sink went away half-way: what it took shall not come twice
        _marked(done)
    return good


def _marked(done: Letters) -> None:
    try:
        done.flush()
    except NotWritten as error:
        raise click.ClickException(f"delivered, but not marked so: {error}") from None


def _to_sink(name: str, letters: Sequence[Letter], settings: Settings, done: Letters) -> bool:
    sink = made(name, settings)
    good = True
    try:
        sink.open()
        for letter in letters:
            try:
                refused = list(sink.write(again(letter, settings)))
            except BadMessage as error:
                good = _said(letter, f"still cannot be read: {error}")
                continue
            if refused:
                good = _said(letter, f"refused again: {refused[0].reason}")
                continue
            done.done(letter)
            _said(letter, f"delivered to {name}")
    except Unavailable as error:
        raise click.ClickException(f"{name}: not delivered: {error}") from None
    finally:
        sink.close()
    return good


def again(letter: Letter, settings: Settings) -> list[Document]:
    """The documents of a letter; those of a message that could not be read when it came, if it can be now. Raises
    BadMessage."""
    document = letter.document()
    if document is not None:
        return [document]
    kind = kinds(settings.bus).get(letter.origin.topic)
    if kind is None:
        raise BadMessage(f"{letter.origin.topic} holds no documents")
    headers = [
        (label.removeprefix("original-"), value) for label, value in letter.headers if label.startswith("original-")
    ]
    return documents(kind, letter.origin, letter.key, letter.value, headers, settings.capture.community_id_seed)


def _said(letter: Letter, words: str) -> bool:
    click.echo(f"{letter.place}: {words}")
    return False


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()


def _value(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return _text(value)
