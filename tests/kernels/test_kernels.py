"""The one way to declare a kernel: where it is cached, and that a changed source is never answered from an old cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import wireverdict.kernels
from wireverdict.boundary import first_at_or_after
from wireverdict.kernels import cache_directory

ROOM = Path(wireverdict.kernels.__file__).parents[1] / "connections"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder with a kernel that calls another of its room."""
    folder = tmp_path / "room"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "helper.py").write_text(
        textwrap.dedent("""
        from wireverdict.kernels import kernel

        @kernel(inline=True)
        def answer(x):
            return x + 1
        """)
    )
    (folder / "main.py").write_text(
        textwrap.dedent("""
        import numba
        from room.helper import answer
        from wireverdict.kernels import kernel

        @kernel(numba.int64(numba.int64))
        def ask(x):
            return answer(x)
        """)
    )
    return folder


def ask(room: Path, cache: Path) -> int:
    """What the room's kernel says in a process of its own."""
    root = Path(wireverdict.kernels.__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}{os.pathsep}{room.parent}",
        "WIREVERDICT_KERNEL_CACHE": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    program = "from room.main import ask; print(ask(1))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_changed_callee_is_compiled_anew(room: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert ask(room, cache) == 2
    assert len(list(cache.iterdir())) == 1
    helper = room / "helper.py"
    helper.write_text(helper.read_text().replace("x + 1", "x + 40"))
    assert ask(room, cache) == 41
    assert len(list(cache.iterdir())) == 2


def test_an_unchanged_room_is_answered_from_its_cache(room: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    ask(room, cache)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")}
    assert before
    ask(room, cache)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.nb?")} == before


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


def test_kernels_stay_callable_as_what_they_are() -> None:
    assert "or later" in (first_at_or_after.__doc__ or "")
    signatures = first_at_or_after.signatures  # type: ignore[attr-defined]
    assert len(signatures) == 1  # compiled when imported, for one set of types
    with pytest.raises(TypeError, match="No matching definition"):
        first_at_or_after(np.zeros(1, np.float64), 0, 0)


def test_a_kernel_in_the_cache_needs_no_compiler(tmp_path: Path) -> None:
    program = """
import sys
import numpy as np
from wireverdict.boundary import first_at_or_after
from wireverdict.headers import HEADER
rows = np.zeros(3, HEADER)
rows["ts"] = [5, 6, 7]
print(first_at_or_after(rows, 0, 6), "numba.np.linalg" in sys.modules)
"""
    environment = {**os.environ, "WIREVERDICT_KERNEL_CACHE": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert said == ["1 True\n", "1 False\n"]
