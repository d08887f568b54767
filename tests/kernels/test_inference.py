"""What numba is asked more simply has to answer as numba does."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numba.core import errors, ir, targetconfig
from numba.core.compiler import Flags
from numba.core.registry import cpu_target

from wireverdict.kernels.inference import hasten

hasten()
LOC = ir.Loc("nowhere.py", 1)
SCOPE = ir.Scope(None, LOC)
A, B, C = (ir.Var(SCOPE, name, LOC) for name in "abc")


def resolved(function: Any, *arguments: Any) -> Any:
    context = cpu_target.typing_context
    context.refresh()
    return context.resolve_function_type(context.resolve_value_type(function), arguments, {})


def test_types_of_calls_hang_on_the_types_of_all_arguments() -> None:
    one, true = numba.types.literal(1), numba.types.literal(True)
    for _ in range(2):
        assert resolved(np.add, numba.int64, numba.int64).return_type == numba.int64
        assert resolved(np.add, numba.int64, numba.float64).return_type == numba.float64
        assert resolved(np.add, numba.uint64, numba.uint64).return_type == numba.uint64
        assert resolved(max, one, numba.float64).return_type == numba.float64
        assert resolved(np.uint8, one) != resolved(np.uint8, true)
        assert resolved(np.add, numba.int64[::1], numba.int64).return_type == numba.int64[::1]


def test_what_is_refused_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(errors.TypingError):
            resolved(np.add, numba.int64, numba.types.none)


def test_flags_are_those_that_were_set_and_else_the_usual() -> None:
    flags = Flags()
    usual = {name: option.default for name, option in Flags.options.items()}
    assert flags.values() == usual
    flags.release_gil = True
    assert flags.values() == {**usual, "release_gil": True}
    assert list(flags.values()) == list(usual)
    assert flags != Flags()
    assert hash(flags.copy()) == hash(flags)
    assert isinstance(flags, targetconfig.TargetConfig)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (ir.Assign(ir.Expr.binop(max, A, B, LOC), C, LOC), [A, B, C]),
        (ir.Assign(ir.Expr.call(A, [B, C], (("name", B),), LOC), C, LOC), [A, B, B, C, C]),
        (ir.Assign(ir.Const(1, LOC), A, LOC), [A]),
        (ir.Assign(ir.Expr.build_map([(A, B)], 1, {}, {}, LOC), C, LOC), [A, B, C]),
        (ir.Branch(A, 1, 2, LOC), [A]),
        (ir.Jump(1, LOC), []),
        (ir.SetItem(A, B, C, LOC), [A, B, C]),
    ],
)
def test_variables_of_statements(statement: Any, expected: list[Any]) -> None:
    assert sorted(statement.list_vars(), key=str) == sorted(expected, key=str)
