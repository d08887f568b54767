"""Sizes that are promised."""

from __future__ import annotations

from wireverdict.paths import layout


def test_what_every_connection_costs() -> None:
    assert layout.SLOT.itemsize == 8


def test_a_minute_of_load_fits_eight_kilobytes() -> None:
    assert layout.LOAD.itemsize * layout.BINS + layout.RING.itemsize <= 8192


def test_places_are_counted() -> None:
    assert max(layout.PAIRS_USED, layout.OVER_QUOTA) < layout.COUNTERS
    assert layout.LIMITS == 6
