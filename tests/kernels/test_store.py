"""Where kernels are kept: a changed source has another place, a damaged file is none."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

import wireverdict.kernels
from wireverdict.kernels import store
from wireverdict.kernels.store import cache_directory

ROOM = Path(wireverdict.kernels.__file__).parents[1] / "connections"
MADE = store.Machine(b"\x7fELF\n\x00code", "entry", "environment")


def test_a_cache_is_a_function_of_the_sources(tmp_path: Path) -> None:
    copy = tmp_path / "connections"
    shutil.copytree(ROOM, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert Path(cache_directory(copy)).name == Path(cache_directory(ROOM)).name
    other = tmp_path / "again" / "connections"
    shutil.copytree(copy, other)
    (other / "index.py").write_text((other / "index.py").read_text() + "\n# changed\n")
    assert Path(cache_directory(other)).name != Path(cache_directory(ROOM)).name


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"WIREVERDICT_KERNEL_CACHE": "/somewhere"}, "/somewhere/"),
        ({"XDG_CACHE_HOME": "/elsewhere"}, "/elsewhere/wireverdict/kernels/"),
        ({"HOME": "/nowhere"}, "/nowhere/.cache/wireverdict/kernels/"),
    ],
)
def test_where_the_cache_is(
    variables: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WIREVERDICT_KERNEL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fresh = tmp_path / str(len(expected)) / "room"
    assert cache_directory(fresh).startswith(expected + "room-")
    assert store.place(fresh, "room.main.ask").is_relative_to(cache_directory(fresh))


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.kernel"
    assert store.read(path) is None
    store.write(path, MADE)
    assert store.read(path) == MADE
    assert [one.name for one in path.parent.iterdir()] == ["a.kernel"]


@pytest.mark.parametrize(
    "content", [b"", b"entry", b"entry\nenvironment", b"entry\nenvironment\n", b"\xff\n\xff\ncode"]
)
def test_what_is_damaged_is_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.kernel"
    path.write_bytes(content)
    assert store.read(path) is None


def test_machine_code_hangs_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Linux tells of it, and else as LLVM does."""
    names = set()
    for text in (
        "flags : sse avx",
        "flags : sse avx avx512f",
        "Features : neon",
        "flags : sse avx\nmodel name : other",
        "",
    ):
        told = f"processor : 0\n{text}\n\nprocessor : 1\nflags : none\n"
        monkeypatch.setattr("builtins.open", lambda *_, told=told, **__: io.StringIO(told))
        names.add(store.machine.__wrapped__())
    assert len(names) == 5
    assert all(len(name) == 12 for name in names)
