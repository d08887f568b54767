"""What ``wireverdict capture`` refuses before it reads anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from wireverdict.cli.capturing import Options, capture, chosen_settings


def test_options_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREVERDICT_BUS__SERVERS", "a:1")
    monkeypatch.setenv("WIREVERDICT_BUS__PREFIX", "p")
    assert chosen_settings(Options(("x",), "s")).bus.servers == "a:1"
    chosen = chosen_settings(Options(("x",), "s", servers="b:2", home_networks=("10.0.0.0/8",)))
    assert (chosen.bus.servers, chosen.bus.prefix, chosen.capture.home_networks) == ("b:2", "p", ("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"expression": "nonsense and"}, "--filter"),
        ({"config": "/no/such.toml"}, "cannot read the settings"),
        ({"home_networks": ("1.2.3",)}, "1.2.3"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert capture(Options(("x",), "s", **options)) == 2  # type: ignore[arg-type]
    assert reason in capsys.readouterr().err


def test_a_spool_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert capture(Options(("x",), "s", spool=str(tmp_path / "file"))) == 2
    assert "cannot be used" in capsys.readouterr().err
