"""Connection records as JSON lines: one document a line, nested as ECS names are, every field always there."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import orjson
from numpy.typing import NDArray

from wireverdict.output.fields import FIELDS, Field, Kind
from wireverdict.output.layout import Dialect, Layout, layout
from wireverdict.output.lines import lines

_QUOTED = {Kind.ID, Kind.CONSTANT, Kind.TIME, Kind.ADDRESS, Kind.COMMUNITY_ID, Kind.HISTORY}


def json_lines(rows: NDArray[np.void], seed: int = 0) -> Iterator[memoryview]:
    """The records as UTF-8 JSON lines, in pieces of whole lines; each piece is valid until the next is asked for.

    `rows`: CONNECTION, shape (n,). `seed`: of the Community ID. The shape of a document is in docs/output.md.
    """
    return lines(rows, _layout(FIELDS), seed)


def sensor_lines(rows: NDArray[np.void], ids: NDArray[np.uint8], sensor: str, seed: int = 0) -> Iterator[memoryview]:
    """As `json_lines`, for destinations where records of many sensors meet: with `event.id` and `observer.name`.

    `ids`: see `record_ids`; uint8, shape (n, 32).
    """
    return lines(rows, _layout(_sensor_fields(sensor)), seed, ids)


@functools.lru_cache(maxsize=256)
def _sensor_fields(sensor: str) -> tuple[Field, ...]:
    place = next(number for number, field in enumerate(FIELDS) if field.name == "event.dataset")
    name = orjson.dumps(sensor).decode()[1:-1]  # escaped, without its quotes
    return (
        *FIELDS[:place],
        Field("event.id", Kind.ID),
        *FIELDS[place:],
        Field("observer.name", Kind.CONSTANT, text=name),
    )


@functools.lru_cache(maxsize=256)
def _layout(fields: tuple[Field, ...]) -> Layout:
    parts: list[tuple[str, Field | None]] = []
    open_objects: list[str] = []
    text, comma = "{", ""
    for field in fields:
        *objects, key = field.name.split(".")
        shared = 0
        while shared < min(len(objects), len(open_objects)) and objects[shared] == open_objects[shared]:
            shared += 1
        text += "}" * (len(open_objects) - shared) + comma
        text += "".join(f'"{name}":{{' for name in objects[shared:]) + f'"{key}":'
        open_objects = objects
        quote = '"' if field.kind in _QUOTED else ""
        opening, closing = ("{", "}") if field.kind == Kind.REASONS else (quote, quote)
        parts.append((text + opening, field))
        text, comma = closing, ","
    parts.append((text + "}" * (len(open_objects) + 1) + "\n", None))
    return layout(parts, Dialect(null="null", quote='"', colon=":", comma=","))
