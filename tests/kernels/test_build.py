"""Compiling for others: once, by one of several processes, and with a word if it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from wireverdict.kernels import store
from wireverdict.kernels.build import ROOT, build, declared_in

MODULES = ["wireverdict.boundary", "producers.merge"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WIREVERDICT_KERNEL_CACHE", str(tmp_path))
    return tmp_path


def test_what_is_kept_is_not_compiled_again(cache: Path) -> None:
    build([MODULES, MODULES[::-1]])
    kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*.kernel")}
    names = {path.name for path in kept}
    assert "wireverdict.boundary.first_at_or_after.kernel" in names
    assert "producers.merge.merge.kernel" in names
    assert all(store.read(path) for path in kept)
    build([MODULES])
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.kernel")} == kept
    damaged = min(kept)
    damaged.write_bytes(b"")
    build([MODULES])
    assert store.read(damaged)


def test_a_module_that_cannot_be_imported_is_named(cache: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"compiling producers\.nothing failed: .*No module named 'producers\.nothing'"
    ):
        build([["producers.nothing"]])


def test_all_modules_with_kernels_are_found() -> None:
    found = declared_in(ROOT)
    assert {"wireverdict.boundary", "wireverdict.connections.track", "producers.merge", "producers.live.walk"} <= set(
        found
    )
    assert "wireverdict.connections.index" not in found  # only kernels for kernels
    assert not [name for name in found if name.startswith("wireverdict.kernels")]
