"""Secrets come from where they are kept, and are not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinks.secrets import for_header, secret, without_secrets


def test_a_file_goes_before_the_value(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("  one\ntwo\n")
    assert secret("value", str(tmp_path / "s")) == "one"
    assert secret("value", "") == "value"
    with pytest.raises(OSError, match="none"):
        secret("value", str(tmp_path / "none"))


def test_what_no_http_header_can_carry_is_refused_without_being_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s\u00e9cret\n", encoding="utf-8")
    assert for_header("a-Key+/=~ 1", "") == "a-Key+/=~ 1"
    with pytest.raises(OSError, match="has a character at place 2 of 6 that no HTTP header") as raised:
        for_header("", str(tmp_path / "key"))
    assert "cret" not in str(raised.value)
    with pytest.raises(OSError, match="at place 4 of 4"):
        for_header("abc\r", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@h:1/a?token=x#y", "https://h:1/a"),
        ("https://h/a@b", "https://h/a@b"),
        ("h", "h"),
    ],
)
def test_urls_are_shown_without_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
