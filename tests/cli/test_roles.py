"""Settings of the commands of a fleet."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from wireverdict.cli.roles import chosen_settings


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my.toml"
    file.write_text("[bus]\nservers = 'a:1'\nprefix = 'p'\n")
    monkeypatch.setenv("WIREVERDICT_BUS__PREFIX", "q")
    bus = chosen_settings(str(file)).bus
    assert (bus.servers, bus.prefix) == ("a:1", "q")
    assert chosen_settings(None).bus.servers == "localhost:9092"


def test_a_wrong_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="cannot read the settings in"):
        chosen_settings(str(tmp_path / "none.toml"))
