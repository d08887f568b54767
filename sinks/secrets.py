"""Secrets from settings, the environment (which settings take up) or files; never in a log."""

from __future__ import annotations

import re
from pathlib import Path


def secret(value: str, file: str) -> str:
    """The first line of the file, or the value where no file is named. Raises OSError."""
    if file:
        return Path(file).read_text(encoding="utf-8").partition("\n")[0].strip()
    return value


def for_header(value: str, file: str) -> str:
    """A secret that goes into an HTTP header, which takes visible ASCII only (RFC 9110, 5.5). Raises OSError."""
    found = secret(value, file)
    wrong = [place for place, character in enumerate(found, 1) if not " " <= character <= "~"]
    if wrong:
        where = f" in {file}" if file else ""
        which = f"at place {wrong[0]} of {len(found)}"
        raise OSError(f"the key or token{where} has a character {which} that no HTTP header can carry: copy it again")
    return found


def without_secrets(url: str) -> str:
    """A URL fit to be shown: without user, password, query and fragment, which may hold tokens."""
    bare = re.sub(r"//[^/@]*@", "//", url)
    return re.split(r"[?#]", bare)[0]
