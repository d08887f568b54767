"""What was counted by client + resolver in one window, taken out of the window's memory."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.fields import LATENCY_BUCKETS
from wireverdict.windows.order import order_of
from wireverdict.windows.view import DnsRows, DnsTable, Histograms, UnansweredName

TOP = 5
"""Unanswered questions named for each client + resolver: as many as a person reads."""


class Questions(NamedTuple):
    """Unanswered questions: row of client + resolver, dns_state.NAME (row 0 of the window: not kept), and how often."""

    row: NDArray[np.int64]
    name: NDArray[np.void]
    kept: NDArray[np.bool_]
    many: NDArray[np.int64]


class Answers:
    """Rows in the order in which they came; sorted, and turned into int64, when somebody looks.

    `keys` DNS_KEY[n], row 0 `other`; `counts` uint32 (n, len(Dns)); `latency` uint32 (m, 2): row·LATENCY_BUCKETS +
    bucket, and how many answers; `since` int64[n].
    """

    def __init__(
        self,
        keys: NDArray[np.void],
        counts: NDArray[np.uint32],
        latency: NDArray[np.uint32],
        since: NDArray[np.int64],
        questions: Questions,
    ) -> None:
        self._keys, self._counts, self._latency, self._since = keys, counts, latency, since
        self._questions = questions

    @cached_property
    def _order(self) -> NDArray[np.int32]:
        """Rows by key; row 0 (`other`) only if something is in it."""
        first = 0 if self._counts[0].any() else 1
        return order_of(self._keys[first:].view(np.uint64).reshape(-1, 4)) + np.int32(first)

    def table(self) -> DnsTable:
        """The table for detectors."""
        return DnsTable(
            lambda: self._keys[self._order],
            lambda: self._counts[self._order].astype(np.int64),
            self._histograms,
            lambda: self._since[self._order],
            self._names,
            DnsRows(self._keys, self._counts),
        )

    def _histograms(self) -> Histograms:
        """Latency in the order of keys."""
        row, bucket = np.divmod(self._latency[:, 0], np.uint32(LATENCY_BUCKETS))
        starts = np.searchsorted(row, np.arange(len(self._keys) + 1))
        return Histograms(starts[self._order], starts[self._order + 1], bucket, self._latency[:, 1])

    def _names(self) -> list[list[UnansweredName]]:
        """The commonest unanswered questions by row; ties in an order that the questions themselves give."""
        rows, asked, kept, many = self._questions
        names: list[list[UnansweredName]] = [[] for _ in range(len(self._keys))]
        for at in np.lexsort((asked["qtype"], asked["qhash"], -many, rows)):
            told = names[rows[at]]
            if len(told) < TOP:
                question = asked[at]
                text = bytes(question["text"][: question["length"]]).decode("ascii", "backslashreplace")
                label = (text or ".") if kept[at] else "(not kept)"
                told.append(UnansweredName(label, int(question["qtype"]) if kept[at] else 0, int(many[at])))
        return [names[row] for row in self._order]
