from __future__ import annotations

import pytest

from benchmarks.live_soak import Soaked, soak


@pytest.mark.lab
@pytest.mark.services
def test_everything_adds_up_in_a_short_form() -> None:
    done = soak(6.0, seed=4, packets=5_000)._replace(early=1, late=1)  # too short to speak of memory
    assert done.faults() == []
    assert done.sent > 1_000


def test_what_does_not_add_up_is_said() -> None:
    right = Soaked(1.0, 10, 8, 2, 8, 100, 105)
    assert right.faults() == []
    wrong = right._replace(sent=11, published=7, late=120)
    assert [fault.split()[0] for fault in wrong.faults()] == ["11", "8", "memory"]
