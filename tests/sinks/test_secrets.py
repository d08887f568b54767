"""Secrets come from where they are kept, and are not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinks.secrets import secret, without_secrets


def test_a_file_goes_before_the_value(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("  one\ntwo\n")
    assert secret("value", str(tmp_path / "s")) == "one"
    assert secret("value", "") == "value"
    with pytest.raises(OSError, match="none"):
        secret("value", str(tmp_path / "none"))


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
