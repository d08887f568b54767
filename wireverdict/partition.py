"""Which shard a header belongs to: both directions of a connection and all connections of a pair of addresses meet.

The hash is part of the contract between producers, recorded topics and workers: one that gave other numbers would tear
connections apart in the middle. It must never change silently (a test holds fixed values). It is this, in 64-bit unsigned
arithmetic: h = 0; for each of the four numbers (most and least significant half of the numerically lower address, then of the
higher one, IPv4 as ::ffff:a.b.c.d): h = fmix64(h ^ number), where fmix64 is the finaliser of MurmurHash3 (Appleby); the
partition is h modulo the number of partitions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import HEADER, ICMP, ICMP6, QUOTED, QUOTED_ONLY
from wireverdict.kernels import kernel, types

HEADERS = types.from_dtype(HEADER)[::1]
U64, I64 = types.uint64, types.int64


@kernel(inline=True, borrow=True)
def stir(h: Any) -> Any:
    """fmix64."""
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@kernel(inline=True, borrow=True)
def hash_pair(a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any) -> Any:
    """The hash of two addresses in any order."""
    if a_hi > b_hi or (a_hi == b_hi and a_lo > b_lo):
        a_hi, a_lo, b_hi, b_lo = b_hi, b_lo, a_hi, a_lo
    return stir(stir(stir(stir(np.uint64(a_hi)) ^ a_lo) ^ b_hi) ^ b_lo)


@kernel(I64(HEADERS, I64, types.int64[::1]), borrow=True)
def number(rows: Any, partitions: Any, out: Any) -> Any:
    """Write the partition of each row; how many of them `elsewhere` has to look at."""
    errors = np.int64(0)
    divisor = np.uint64(partitions)
    mask = divisor - np.uint64(1)
    whole = divisor & mask == 0  # a division costs as much as the hash
    for i in range(len(rows)):
        row = rows[i]
        errors += row.present & QUOTED != 0
        if row.present & QUOTED_ONLY:
            h = hash_pair(row.quoted_src_hi, row.quoted_src_lo, row.quoted_dst_hi, row.quoted_dst_lo)
        else:
            h = hash_pair(row.src_hi, row.src_lo, row.dst_hi, row.dst_lo)
        out[i] = np.int64(h & mask if whole else h % divisor)
    return errors


@kernel(I64(HEADERS, I64, types.int64[::1]), borrow=True)
def elsewhere(rows: Any, partitions: Any, out: Any) -> Any:
    """Write which rows are ICMP errors that quote a pair of another partition; how many."""
    many = np.int64(0)
    for i in range(len(rows)):
        row = rows[i]
        if row.present & (QUOTED | QUOTED_ONLY) != QUOTED or row.protocol not in (ICMP, ICMP6):
            continue
        own = hash_pair(row.src_hi, row.src_lo, row.dst_hi, row.dst_lo)
        quoted = hash_pair(row.quoted_src_hi, row.quoted_src_lo, row.quoted_dst_hi, row.quoted_dst_lo)
        if own % np.uint64(partitions) != quoted % np.uint64(partitions):
            out[many] = i
            many += 1
    return many


def divide(rows: NDArray[np.void], partitions: int) -> NDArray[np.int64]:
    """The partition of each row (HEADER[n]): that of its pair of addresses, of QUOTED_ONLY rows that of the quoted pair."""
    numbers = np.zeros(len(rows), np.int64)
    if partitions > 1:
        number(np.ascontiguousarray(rows), partitions, numbers)
    return numbers


def divided(rows: NDArray[np.void], partitions: int) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Rows (HEADER[n]) with what ICMP errors quote (`with_quoted`), and the partition of each; of a single one nothing needs
    to be said, and the numbers are none."""
    rows = np.ascontiguousarray(rows)
    numbers: NDArray[np.int64] = np.empty(len(rows) if partitions > 1 else 0, np.int64)
    if partitions > 1 and number(rows, partitions, numbers):
        rows = np.ascontiguousarray(with_quoted(rows, partitions))
        numbers = divide(rows, partitions)
    return rows, numbers


def with_quoted(rows: NDArray[np.void], partitions: int) -> NDArray[np.void]:
    """Rows (HEADER[n]) to be divided: after each ICMP error whose quoted pair is of another partition a copy for there.

    The error counts as a packet of its own pair, and is evidence about the quoted one; the copy (QUOTED_ONLY) is the
    evidence alone. The same array if there are none, as nearly always.
    """
    if partitions < 2 or not len(rows):
        return rows
    found = np.empty(len(rows), np.int64)
    found = found[: elsewhere(np.ascontiguousarray(rows), partitions, found)]
    if not len(found):
        return rows
    which = np.insert(np.arange(len(rows)), found + 1, found)
    doubled = rows[which]
    doubled["present"][found + 1 + np.arange(len(found))] |= QUOTED_ONLY
    return doubled
