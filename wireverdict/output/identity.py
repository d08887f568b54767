"""The identity of a connection record: a function of its content, so that what is sent again overwrites itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.records import CONNECTION

LENGTH = 32
"""Characters of an identity: hexadecimal digits."""

_KEY = np.dtype([(name, CONNECTION[name]) for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "first_ts", "last_ts")])
_PORTS = np.dtype([(name, CONNECTION[name]) for name in ("sport", "dport", "protocol", "final")])


def record_ids(rows: NDArray[np.void], sensor: str) -> NDArray[np.uint8]:
    """The identity of each record, as ASCII; uint8, shape (n, 32). `rows`: CONNECTION, shape (n,).

    Eight digits of the time of the first packet (units of 2^30 ns, about a second) and 24 of the BLAKE2b of sensor, addresses,
    ports, protocol, first and last time, and whether the record is final. Those that follow each other in time share
    their beginning: a search engine that looks for an identity then passes over most of what it holds.
    """
    import hashlib

    packed = np.zeros(len(rows), np.dtype([("key", _KEY), ("ports", _PORTS)]))
    for part in packed.dtype.names or ():
        for name in packed.dtype[part].names or ():
            packed[part][name] = rows[name]
    octets, size = packed.tobytes(), packed.dtype.itemsize
    made = hashlib.blake2b(digest_size=12, key=hashlib.blake2b(sensor.encode(), digest_size=32).digest())
    digests = []
    for at in range(0, len(octets), size):
        one = made.copy()
        one.update(octets[at : at + size])
        digests.append(one.digest())
    seconds = (rows["first_ts"] >> 30).astype(">u4").tobytes()
    joined = np.concatenate(
        [
            np.frombuffer(seconds, np.uint8).reshape(-1, 4),
            np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 12),
        ],
        axis=1,
    )
    return np.frombuffer(joined.tobytes().hex().encode(), np.uint8).reshape(-1, LENGTH)
