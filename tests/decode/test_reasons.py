from __future__ import annotations

import re

from wireverdict.decode import reasons
from wireverdict.decode.reasons import COUNTERS, FLAWS, SKIPPED


def test_every_reason_has_one_number_and_one_name() -> None:
    numbers = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, int)} - {COUNTERS}
    assert numbers == set(range(1, COUNTERS)) == set(SKIPPED) | set(FLAWS)
    assert not set(SKIPPED) & set(FLAWS)
    assert len({*SKIPPED.values(), *FLAWS.values()}) == COUNTERS - 1


def test_names_are_those_of_the_constants() -> None:
    for number, name in (SKIPPED | FLAWS).items():
        assert re.fullmatch("[a-z0-9_]+", name)
        assert getattr(reasons, name.upper()) == number
