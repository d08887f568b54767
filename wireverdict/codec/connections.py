"""Connection records as Arrow, for the topic of that name: a row a record, a column for each field of CONNECTION."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.codec.rows import from_stream, to_stream
from wireverdict.records import CONNECTION


def encode_connections(records: NDArray[np.void]) -> bytes:
    """An Arrow IPC stream of one record batch. `records`: CONNECTION[n]."""
    if records.dtype != CONNECTION:
        raise ValueError("these are no connection records")
    return to_stream(records)


def decode_connections(data: bytes) -> NDArray[np.void]:
    """CONNECTION[n]. Raises BadMessage for anything else."""
    return from_stream(data, CONNECTION)
