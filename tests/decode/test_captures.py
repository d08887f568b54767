"""Every frame of every open capture, field by field against the reference."""

from __future__ import annotations

from collections import Counter

from tests.decode.comparing import differences, pieces
from wireverdict.decode import Decoder
from wireverdict.headers import TUNNEL


def test_every_frame_of_every_capture_decodes_as_the_reference_says() -> None:
    frames = 0
    for name, piece in pieces():
        assert differences(piece) == [], name
        frames += len(piece.frames)
    assert frames > 250_000


def test_captures_with_tunnels_decode_as_the_reference_says_with_the_outer_packet() -> None:
    files = 0
    for name, piece in pieces():
        if (Decoder().decode(piece).rows["present"] & TUNNEL).any():
            assert differences(piece, "outer") == [], name
            files += 1
    assert files > 60


def test_nothing_is_lost_over_all_captures() -> None:
    decoder = Decoder()
    frames = rows = 0
    protocols: Counter[int] = Counter()
    for _, piece in pieces():
        got = decoder.decode(piece).rows
        frames += len(piece.frames)
        rows += len(got)
        protocols.update(got["protocol"].tolist())
    assert frames == rows + sum(decoder.skipped.values())
    assert rows > 0.9 * frames
    assert {1, 6, 17, 50, 58, 132} <= set(protocols)
