"""Bounds of the room."""

from __future__ import annotations

import msgspec
import pytest

from wireverdict.paths import PathSettings


@pytest.mark.parametrize(
    "wrong", [{"horizon": 0.0}, {"lateness": 4e3}, {"forget": 0.5}, {"quota": 3}, {"max_rings": 1 << 25}, {"bulk": 1}]
)
def test_values_that_cannot_be(wrong: dict[str, float]) -> None:
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=f"paths.{name}"):
        PathSettings(**wrong)  # type: ignore[arg-type]


def test_from_a_table() -> None:
    made = msgspec.convert({"horizon": 20.0, "policing": {"min_lost": 30}}, PathSettings)
    assert made.policing.min_lost == 30
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"horizn": 20.0}, PathSettings)
