"""What the judge says, as values."""

from __future__ import annotations

import pytest

from wireverdict.paths.judgement import Cause, Judgement, Settings


@pytest.mark.parametrize("cause", list(Cause))
def test_two_causes_are_policing(cause: Cause) -> None:
    assert Judgement(cause, 20, 100).policed == cause.value.startswith("policed")


def test_defaults_make_sense() -> None:
    settings = Settings()
    assert settings.partial_share < settings.policed_share < 1
    assert settings.queue_delay < settings.shallow <= settings.standing_delay
