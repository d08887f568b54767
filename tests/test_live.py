from __future__ import annotations

import pytest

from wireverdict.live import LiveSettings
from wireverdict.settings import SettingsError, Source, settings


def test_defaults_are_allowed() -> None:
    assert settings().live == LiveSettings()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"block": 100}, "power of two"),
        ({"ring": 1, "block": 1_024}, "two blocks"),
        ({"retire": 0.0}, "retire"),
        ({"snap": 20}, "snap"),
        ({"workers": 0}, "workers"),
        ({"cpu": -1.0}, "cpu"),
        ({"least_share": 0.0}, "least_share"),
    ],
)
def test_what_cannot_be(values: dict[str, float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        LiveSettings(**values)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=reason):
        settings([Source({"live": values}, lambda key: "here")])
