"""Settings that contradict each other are refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from wireverdict.windows.settings import WindowSettings


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": 0.0}, "windows.width is 0.0 s"),
        ({"lateness": 4.0}, "at least the DNS time-out"),
        ({"width": 0.001, "lateness": 10.0}, "at most 1000 may be open"),
        ({"dns_late": 1.0}, "windows.dns_late is 1.0 s"),
        ({"packets": 1}, "windows.packets is 1"),
        ({"max_names": 3}, "windows.max_names is 3"),
    ],
)
def test_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        WindowSettings(**fields)
