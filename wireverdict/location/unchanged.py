"""Connections that need no further look: both sensors saw the same data, in the same order, each once. Nearly all are such."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.location.log import packet_ids


class _Ways(NamedTuple):
    """Data of one direction of a connection a row; sorted by `connection` and `way`."""

    connection: NDArray[np.uint64]
    way: NDArray[np.uint8]
    many: NDArray[np.int64]
    print: NDArray[np.uint64]  # of all its packets in their order
    once: NDArray[np.bool_]  # no number comes twice


def unchanged(first: NDArray[np.void], second: NDArray[np.void]) -> dict[int, int]:
    """Connections in which both sensors saw nothing lost, sent again or reordered, and how many data segments they had.

    `first`, `second`: SEGMENT[n], by connection and in order of time.
    """
    ours, theirs = _ways(first), _ways(second)
    keys = [np.stack([one.connection, one.way.astype(np.uint64)], axis=1) for one in (ours, theirs)]
    if not len(keys[0]) or not len(keys[1]):
        return {}
    names = [np.ascontiguousarray(key).view([("connection", "<u8"), ("way", "<u8")]).reshape(-1) for key in keys]
    _, at, other = np.intersect1d(names[0], names[1], assume_unique=True, return_indices=True)
    same = (ours.many[at] == theirs.many[other]) & (ours.print[at] == theirs.print[other])
    same &= ours.once[at] & theirs.once[other]
    good = np.zeros(len(names[0]), bool)
    good[at] = same
    doubtful = np.concatenate([ours.connection[~good], np.setdiff1d(theirs.connection, ours.connection)])
    alone = np.ones(len(names[1]), bool)  # a direction that only the second saw
    alone[other] = False
    doubtful = np.unique(np.concatenate([doubtful, theirs.connection[alone]]))
    whole, inverse = np.unique(ours.connection, return_inverse=True)
    many = np.zeros(len(whole), np.int64)
    np.add.at(many, inverse, ours.many)
    kept = ~np.isin(whole, doubtful)
    return dict(zip(whole[kept].tolist(), many[kept].tolist(), strict=True))


def _ways(rows: NDArray[np.void]) -> _Ways:
    data = rows[rows["length"] > 0]
    data = data[np.lexsort((np.arange(len(data)), data["from_high"], data["connection"]))]
    if not len(data):
        none = np.zeros(0, np.int64)
        return _Ways(none.astype(np.uint64), none.astype(np.uint8), none, none.astype(np.uint64), none.astype(bool))
    connection, way = data["connection"], data["from_high"]
    new = np.ones(len(data), bool)
    new[1:] = (connection[1:] != connection[:-1]) | (way[1:] != way[:-1])
    starts = np.flatnonzero(new)
    many = np.diff(np.append(starts, len(data)))
    place = np.arange(len(data)) - np.repeat(starts, many)
    ids = packet_ids(data) * (2 * place.astype(np.uint64) + np.uint64(1))  # so that their order shows
    joined = np.ones(len(data), bool)  # begins where the one before it ended
    joined[1:] = (data["seq"][1:] == data["seq"][:-1] + data["length"][:-1]) | new[1:]
    return _Ways(
        np.ascontiguousarray(connection[starts]),
        np.ascontiguousarray(way[starts]),
        many,
        np.add.reduceat(ids, starts),
        np.logical_and.reduceat(joined, starts),
    )
