"""A table as it is shown: columns, an order, and the cells of any row, made only for the rows that fit on the screen."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Cell(NamedTuple):
    """Text and what it means: "", "good", "warn", "bad", "dim" or "strong"."""

    text: str
    mood: str = ""


class Column(NamedTuple):
    """`width`: characters; 0 takes what is left. `least`: width of the table from which it is shown. `by`: it can be sorted
    by, most first."""

    title: str
    width: int
    right: bool = True
    least: int = 0
    by: bool = True


@dataclass(frozen=True)
class Listing:
    """`order`: rows as they are to be shown. `cells(row)`: one for each column. `name(row)`: what stays the same from
    picture to picture, so that a cursor can stay on it. `values(column)`: what to sort by, NaN last. `empty`: what is said
    where there is no row. `note`: a line above the rows, if there is something to say."""

    title: str
    columns: tuple[Column, ...]
    order: NDArray[np.intp]
    cells: Callable[[int], list[Cell]]
    name: Callable[[int], Hashable]
    empty: str
    note: str = ""

    def __len__(self) -> int:
        return len(self.order)

    def shown(self, width: int) -> list[tuple[int, int]]:
        """Which columns fit into a table so wide, and how wide each of them is."""
        chosen = [number for number, column in enumerate(self.columns) if width >= column.least]
        fixed = sum(self.columns[number].width for number in chosen) + len(chosen) - 1
        spread = [number for number in chosen if not self.columns[number].width]
        rest = max(0, width - fixed)
        widths = []
        for number in chosen:
            column = self.columns[number]
            if not column.width:
                share = rest // len(spread)
                widths.append((number, share if number != spread[-1] else rest - share * (len(spread) - 1)))
            else:
                widths.append((number, column.width))
        return widths


def cut(text: str, width: int) -> str:
    """At most `width` characters of a text."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…" * (width > 0)


def ordered(values: NDArray[np.float64] | NDArray[np.int64], backwards: bool) -> NDArray[np.intp]:
    """Places by value, greatest first or, `backwards`, least first; equal ones stay in order, unknown ones are last."""
    numbers = values.astype(np.float64)
    numbers = np.where(np.isnan(numbers), np.inf, numbers if backwards else -numbers)
    return np.argsort(numbers, kind="stable")
