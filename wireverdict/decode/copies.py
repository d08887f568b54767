"""Packets that were captured twice: two taps, or one that sees a packet come in and go out."""

from __future__ import annotations

from typing import Any

from wireverdict.headers import COPY, HEADER, TCP, TCP_HEADER
from wireverdict.kernels import kernel, types

HEADERS = types.from_dtype(HEADER)[::1]
_MS = 1_000_000


@kernel(types.void(HEADERS, HEADERS), borrow=True)
def mark_copies(before: Any, rows: Any) -> None:
    """Set COPY in each of `rows` (HEADER[n]) that is the row before it once more, too soon to have been sent again.

    `before`: one row, the one before rows[0]; afterwards the last of `rows`. Whoever counts copies sees one shard of the
    packets only, so that it is told here, where all of them pass.
    """
    seq = before[0]["seq"]
    for i in range(len(rows)):
        row = rows[i]
        same = row["seq"] == seq
        seq = row["seq"]
        if not same or not row["present"] & TCP_HEADER:
            continue  # nearly all
        last = rows[i - 1] if i else before[0]
        if (
            row["src_lo"] == last["src_lo"]
            and row["dst_lo"] == last["dst_lo"]
            and row["sport"] == last["sport"]
            and row["dport"] == last["dport"]
            and row["payload_length"] == last["payload_length"]
            and row["ack"] == last["ack"]
            and row["tsval"] == last["tsval"]
            and row["tcp_flags"] == last["tcp_flags"]
            and last["protocol"] == TCP
            and 0 <= row["ts"] - last["ts"] < _MS
        ):
            row["present"] |= COPY
    if len(rows):
        before[0] = rows[len(rows) - 1]
