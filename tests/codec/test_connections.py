"""Connection records through Arrow."""

from __future__ import annotations

import numpy as np
import pytest

from wireverdict.bus import BadMessage
from wireverdict.codec.connections import decode_connections, encode_connections
from wireverdict.headers import HEADER
from wireverdict.records import CONNECTION


@pytest.mark.parametrize("count", [0, 1, 777])
def test_records_come_back(count: int) -> None:
    dice = np.random.default_rng(count)
    records = np.frombuffer(dice.bytes(count * CONNECTION.itemsize), CONNECTION).copy()
    records["source"]["pad"] = records["destination"]["pad"] = 0
    back = decode_connections(encode_connections(records))
    for name in CONNECTION.names or ():
        np.testing.assert_array_equal(back[name], records[name])


def test_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no connection records"):
        encode_connections(np.zeros(1, HEADER))
    with pytest.raises(BadMessage):
        decode_connections(b"nothing of the kind")
