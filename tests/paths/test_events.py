"""The event row."""

from __future__ import annotations

from wireverdict.paths import events, layout


def test_an_event_is_one_cache_line_and_a_chunk_one_page() -> None:
    assert events.EVENT.itemsize == 64
    assert events.EVENT.itemsize * layout.CHUNK == 4096


def test_flags_are_distinct() -> None:
    flags = [
        events.HIGH,
        events.ACKS,
        events.SACK1,
        events.SACK2,
        events.DSACK,
        events.TIMESTAMPS,
        events.GAP,
        events.REPEAT,
    ]
    assert len(set(flags)) == len(flags)
    assert all(flag & (flag - 1) == 0 for flag in flags)
