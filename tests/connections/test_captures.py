"""The model and the kernels agree on every packet of real captures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from producers.files.reader import Capture
from tests.captures import CAPTURES, capture_files
from tests.connections.compare import check, settings
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.frames import FrameBatch
from wireverdict.headers import HEADER

MOST_PACKETS = 300
NOT_COMPARED = {
    # fuzzed sequence numbers half the number space away: forwards or backwards is anyone's guess
    "zeek_zeek/modbus__fuzz-72.pcap",
    # one packet is 21 years early, and the kernels keep the times of packets on their way modulo 71 minutes
    "OISF_suricata-verify/bug-1450-04__tls_DER-incomplete-header.pcap",
    "OISF_suricata-verify/bug-1450-05__tls_DER-incomplete-content.pcap",
}


def headers(path: Path) -> NDArray[np.void]:
    """All headers of a capture, or its first few hundred."""
    decoder, parts, count = Decoder(DecodeSettings()), [np.zeros(0, HEADER)], 0
    for piece in Capture(str(path)):
        parts.append(decoder.decode(FrameBatch(piece.data, piece.frames)).rows.copy())
        count += len(parts[-1])
        if count > MOST_PACKETS:
            break
    return np.concatenate(parts)[:MOST_PACKETS]


def test_every_packet_of_every_capture() -> None:
    compared, differing = 0, {}
    for path in capture_files():
        rows = headers(path)
        name = str(path.relative_to(CAPTURES))
        if len(rows) == 0 or name in NOT_COMPARED:
            continue
        try:
            check(rows, settings())
        except AssertionError as difference:
            differing[name] = str(difference).splitlines()[0]
        compared += len(rows)
    assert differing == {}
    assert compared > 20_000
