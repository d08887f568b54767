"""Kernels without numba: the same answers, and arguments that do not fit are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wireverdict.boundary
from wireverdict.boundary import first_at_or_after
from wireverdict.headers import HEADER
from wireverdict.kernels import bound, native, store
from wireverdict.kernels.image import Unsupported
from wireverdict.kernels.native import Native
from wireverdict.kernels.types import from_dtype, int64

ROOT = Path(wireverdict.boundary.__file__).parents[1]
ROWS = np.zeros(5, HEADER)
ROWS["ts"] = [5, 6, 6, 7, 9]


@pytest.fixture(scope="module")
def loaded() -> Native:
    """A kernel as other processes have it."""
    return Native(first_at_or_after.py_func, int64(from_dtype(HEADER)[::1], int64, int64))  # type: ignore[attr-defined]


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("ts", range(4, 11))
def test_it_says_what_numba_says(loaded: Native, start: int, ts: int) -> None:
    assert loaded(ROWS, start, ts) == first_at_or_after(ROWS, start, ts)


def test_it_is_what_it_was_made_of(loaded: Native) -> None:
    assert loaded.__doc__ == first_at_or_after.__doc__
    assert loaded.name == "wireverdict.boundary.first_at_or_after"
    assert loaded.load() is loaded.load()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((ROWS, 0), "takes 3 arguments, not 2"),
        ((ROWS[::2], 0, 6), "argument 0: an array of"),
        ((None, 0, 6), "argument 0: NoneType"),
        ((ROWS, 0.0, 6), "argument 1: float"),
    ],
)
def test_what_does_not_fit_is_refused(loaded: Native, arguments: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        loaded(*arguments)


def test_last_arguments_may_be_given_before(loaded: Native) -> None:
    for call in (bound(loaded, 1, 7), bound(first_at_or_after, 1, 7)):
        assert call(ROWS) == 3
    for last in ((1, 7.0), (ROWS, 0, 6, 1), (ROWS[::2], 0, 6)):
        with pytest.raises(TypeError, match="does not take these"):
            bound(loaded, *last)
    for first, complaint in (((ROWS, 1), "takes 1 arguments here, not 2"), ((ROWS[::2],), "argument 0")):
        with pytest.raises(TypeError, match=complaint):
            bound(loaded, 1, 7)(*first)


def test_numbers_that_are_too_large_are_refused(loaded: Native) -> None:
    with pytest.raises(OverflowError):
        loaded(ROWS, 0, 1 << 70)


def test_code_that_asks_for_what_is_not_there_is_refused(loaded: Native) -> None:
    loaded.load()
    made = store.read(loaded.place)
    assert made is not None
    with pytest.raises(RuntimeError):
        native.linker().link("without-entry", made._replace(entry="nobody"))


def test_llvm_loads_what_we_do_not(loaded: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded.load()
    made = store.read(loaded.place)
    assert made is not None

    def refused(code: bytes, outside: object) -> None:
        raise Unsupported("not for us")

    monkeypatch.setattr(native, "Image", refused)
    assert native.linker().link("by-llvm", made)(ROWS, 1, 7) == 3


def test_an_extension_that_numba_does_not_have() -> None:
    with pytest.raises(ImportError, match="_nothing"):
        native.extension("_nothing")


def test_a_whole_program_needs_no_numba(tmp_path: Path) -> None:
    """All kernels that a capture needs, in a process that says what it imported."""
    program = """
import sys
from wireverdict.cli.app import run
status = run(["analyze", "--json", "demo/dns-outage.pcap.gz"])
print(status, "numba" in sys.modules, "llvmlite" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "1 False False"
