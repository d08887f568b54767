"""Connection records as CSV (RFC 4180 with a header line): a column for each field, null as nothing at all."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wireverdict.output.fields import FIELDS, Field, Kind
from wireverdict.output.layout import Dialect, Layout, layout
from wireverdict.output.lines import lines

_CHOSEN = tuple(field for field in FIELDS if field.kind != Kind.CONSTANT)
HEADER_LINE = ",".join(field.name for field in _CHOSEN).encode() + b"\r\n"
"""Dotted names, in the order of output."""


def csv_lines(rows: NDArray[np.void], seed: int = 0) -> Iterator[memoryview]:
    """The records in pieces of whole lines, without the header line; each piece is valid until the next is asked for.

    `rows`: CONNECTION, shape (n,). `seed`: of the Community ID. No value can hold a comma or a quote. Reasons why
    flags are null stand in one column, ``flag:reason;flag:reason``.
    """
    return lines(rows, _layout(), seed)


@functools.cache
def _layout() -> Layout:
    parts: list[tuple[str, Field | None]] = [("," if number else "", field) for number, field in enumerate(_CHOSEN)]
    return layout([*parts, ("\r\n", None)], Dialect(null="", quote="", colon=":", comma=";"))
