"""docs/fields.md is what the code says."""

from __future__ import annotations

import pytest

from scripts.field_docs import PAGE, TARGET, main, said, words
from sinks.base import Kind
from sinks.sample import samples
from wireverdict.output.fields import FIELDS


def test_the_file_is_as_the_code_says() -> None:
    assert main(["--check"]) == 0, "python scripts/field_docs.py (make config)"


def test_every_field_that_is_delivered_is_in_it() -> None:
    text = TARGET.read_text(encoding="utf-8")
    missing = [field.name for field in FIELDS if f"`{field.name}" not in text]
    free = ("wireverdict.evidence.", "wireverdict.capture_quality.", "wireverdict.page.rules.", "labels.")

    def names(value: object, path: str = "") -> list[str]:
        if not isinstance(value, dict) or not value or f"{path}." in (*free, "wireverdict.page.held_back."):
            return [path]
        return [name for key, inner in value.items() for name in names(inner, f"{path}.{key}".lstrip("."))]

    for document in samples(frozenset(Kind), 1_700_000_000_000_000_000):
        missing += [name for name in names(document.value()) if f"`{name}" not in text]
    assert missing == []
    assert all(f"`{name}`" in text for name in PAGE)


def test_a_field_without_words_is_an_error() -> None:
    told = words("wireverdict.connection")
    assert told["event.category"] == "`network`"
    assert said("wireverdict.destination.payload_bytes", told).startswith("as `wireverdict.source`")
    with pytest.raises(KeyError):
        said("wireverdict.nosuch", told)
