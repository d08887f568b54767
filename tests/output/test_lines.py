"""Layouts: what alternating text and fields become."""

from __future__ import annotations

import numpy as np

from tests.output.connection_rows import make_rows
from wireverdict.output.fields import FIELDS, Field, Kind
from wireverdict.output.layout import Dialect, layout
from wireverdict.output.lines import CHUNK, lines
from wireverdict.records import CONNECTION

PLAIN = Dialect(null="-", quote="'", colon="=", comma="+")


def written(rows: np.ndarray, *parts: tuple[str, Field | None]) -> str:
    return b"".join(bytes(piece) for piece in lines(rows, layout(parts, PLAIN))).decode()


def field(name: str) -> Field:
    return next(field for field in FIELDS if field.name == name)


def test_texts_of_every_length_up_to_several_steps() -> None:
    rows = np.zeros(2, CONNECTION)
    rows["sport"] = [7, 65_535]
    for length in range(100):
        text = "".join(chr(97 + k % 26) for k in range(length))
        made = written(rows, (text, field("source.port")), (text, None), ("|", None))
        assert made == f"{text}7{text}|{text}65535{text}|"


def test_columns_of_every_width_wherever_they_lie() -> None:
    for each in FIELDS:
        if each.kind != Kind.INTEGER:
            continue
        rows = np.zeros(1, CONNECTION)
        column: np.ndarray = rows
        for part in each.columns[0].split("."):
            column = column[part]
        rows.view(np.uint8)[:] = 0xFF  # what lies beside it must not show
        largest = int(column[0])
        column[0] = largest - 1
        assert written(rows, ("", each), ("", None)) == str(largest - 1), each.name


def test_words_of_a_dialect() -> None:
    rows = np.zeros(1, CONNECTION)
    rows["flags_known"], rows["flags_true"] = 0b1111111011, 0b10
    rows["reasons"][:, 2] = 3
    flags = [
        written(rows, ("", field(f"wireverdict.flags.{name}"))) for name in ("bufferbloat", "policed", "throttled")
    ]
    assert flags == ["false", "true", "-"]
    assert written(rows, ("", field("wireverdict.unknown"))) == "'throttled'='too_few_samples'"
    rows["flags_known"] = 0b1111111001
    assert written(rows, ("", field("wireverdict.unknown"))) == "'policed'='not_judged'+'throttled'='too_few_samples'"
    assert written(rows, ("", field("wireverdict.source.rtt.method"))) == "-"


def test_a_line_never_needs_more_room_than_was_reckoned() -> None:
    rows = np.zeros(CHUNK, CONNECTION)
    rows.view(np.uint8)[:] = 0xFF
    rows["flags_known"] = 0
    rows["history_length"] = 32
    made = layout([*((f"{number:03d} ", field) for number, field in enumerate(FIELDS)), ("\n", None)], PLAIN)
    for piece in lines(rows, made):
        assert len(piece) <= made.room * CHUNK
        longest = max(map(len, bytes(piece).splitlines()))
        assert longest <= made.room
    assert made.room < 2 * longest + 4_000


def test_rows_that_do_not_lie_together() -> None:
    rows = make_rows(10, 3)
    parts = [("", field("source.ip")), ("\n", None)]
    assert written(rows[::2], *parts) == written(rows[::2].copy(), *parts)
