"""Writes config/wireverdict.toml: every setting with its default, and the words that stand beside it in the code.

usage: python scripts/default_config.py [--check]     (make config)
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from wireverdict.settings import Settings, fields_of

TARGET = Path(__file__).resolve().parents[1] / "config" / "wireverdict.toml"
HEAD = """\
# Every setting of wireverdict with its default. Copy what you change into a file of your own and give it with
# --config FILE (or WIREVERDICT_CONFIG=FILE). Environment variables override the file, WIREVERDICT_WINDOWS__WIDTH=5 for
# instance, and options override both; docs/settings.md has more. Written by scripts/default_config.py from the code.
"""


def comments(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What the source says about each field, inherited ones too."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            found |= own_comments(base)
    return found


def own_comments(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What the source says about each field of one class: the string below it, or the comment behind it."""
    source = textwrap.dedent(inspect.getsource(struct))
    lines = source.splitlines()
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for node, after in zip(definition.body, [*definition.body[1:], None], strict=True):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        words = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            words = after.value.value
        else:
            own = lines[node.lineno - 1 : node.end_lineno]
            words = " ".join(line.partition("  # ")[2] for line in own)
        found[node.target.id] = " ".join(words.split())
    return found


def value(item: Any) -> str:
    """A TOML value on one line or, if long, on several."""
    if isinstance(item, bool):
        return str(item).lower()
    if isinstance(item, str):
        return msgspec.json.encode(item).decode()
    if isinstance(item, tuple | list):
        parts = [value(part) for part in item]
        short = f"[{', '.join(parts)}]"
        return short if len(short) <= 100 else "[\n" + "".join(f"  {part},\n" for part in parts) + "]"
    return repr(item)


def tables(settings: msgspec.Struct, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The text of each section, sections inside it after it."""
    words = comments(type(settings))
    lines, inner = [], []
    for field in fields_of(type(settings)).values():
        item = getattr(settings, field.name)
        if isinstance(item, msgspec.Struct):
            inner.append((item, (*path, field.name)))
            continue
        if words[field.name]:
            lines += textwrap.wrap(words[field.name], 118, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"{field.name} = {value(item)}")
    if lines:
        yield "\n".join([f"[{'.'.join(path)}]", *lines, ""])
    for item, place in inner:
        yield from tables(item, place)


def text() -> str:
    """The whole file."""
    return "\n".join([HEAD, *tables(Settings())])


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say whether it is as it should be."""
    if arguments == ["--check"]:
        return 0 if TARGET.read_text(encoding="utf-8") == text() else 1
    TARGET.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
