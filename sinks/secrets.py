"""Secrets from settings, the environment (which settings take up) or files; never in a log."""

from __future__ import annotations

import re
from pathlib import Path


def secret(value: str, file: str) -> str:
    """The first line of the file, or the value where no file is named. Raises OSError."""
    if file:
        return Path(file).read_text(encoding="utf-8").partition("\n")[0].strip()
    return value


def without_secrets(url: str) -> str:
    """A URL fit to be shown: without user, password, query and fragment, which may hold tokens."""
    bare = re.sub(r"//[^/@]*@", "//", url)
    return re.split(r"[?#]", bare)[0]
