"""``wireverdict anonymise`` as people run it."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import run

KEY = "1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202"
"""Of the Crypto-PAn distribution: what it makes of addresses is published."""


def test_addresses_networks_and_names_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "a.toml").write_text(f'[privacy]\nkey_file = "{tmp_path}/key"\nkept = []\n')
    words = ("128.11.68.132", "2001:db8::1", "128.11.0.0/16", "www.example.com", "WWW.example.com.")
    told = run("anonymise", *words, "--config", str(tmp_path / "a.toml"))
    assert (told.status, told.err) == (0, "")
    seen = dict(line.split() for line in told.out.splitlines())
    assert seen["128.11.68.132"] == "135.242.180.132"
    assert seen["2001:db8::1"] == "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"
    assert seen["128.11.0.0/16"] == "135.242.0.0/16"
    assert seen["www.example.com"] == seen["WWW.example.com."]
    assert len(seen["www.example.com"]) == 16


def test_home_networks_for_the_worker() -> None:
    told = run("anonymise", WIREVERDICT_PRIVACY_KEY=KEY, WIREVERDICT_CAPTURE__HOME_NETWORKS="10.0.0.0/8,fd00::/8")
    assert told.status == 0
    head, line = told.out.splitlines()
    assert head == "[capture]"
    assert line.startswith("home_networks = [")
    assert line.count("/8") == 2
    assert "10.0.0.0/8" not in line


def test_without_a_key_a_sentence() -> None:
    told = run("anonymise", "192.0.2.1")
    assert told.status == 2
    assert "WIREVERDICT_PRIVACY_KEY" in told.err
    told = run("anonymise", "192.0.2.1/99", WIREVERDICT_PRIVACY_KEY=KEY)
    assert told.status == 2
    assert "192.0.2.1/99" in told.err
    assert KEY[:8] not in told.err
