"""``wireverdict locate``: what its command line takes. What it does is in test_locating.py."""

from __future__ import annotations

from tests.cli.program import run


def test_help_says_what_it_does() -> None:
    told = run("locate", "--help")
    assert told.status == 0
    assert "Say where segments were lost" in told.out
    for option in ("--from", "--to", "--sensor", "--address", "--json", "--config"):
        assert option in told.out


def test_a_source_is_wanted() -> None:
    told = run("locate")
    assert told.status == 2
    assert "SOURCE" in told.err
