"""Moving several bytes at once inside a kernel, wherever they lie: a loop over bytes does not become one move."""

from __future__ import annotations

from typing import Any

from wireverdict.kernels import intrinsic

STEP = 32
"""Bytes that `copy_step` copies."""


@intrinsic
def copy_step(typing_context: Any, out: Any, at: Any, source: Any, start: Any) -> Any:
    """Copy STEP bytes from `source[start]` on to `out[at]` on; the arrays (uint8, contiguous) do not overlap.

    Bounds are the caller's business, as everywhere in kernels.
    """
    from llvmlite import ir
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out_type, _, source_type, _ = signature.args
        out_value, at_value, source_value, start_value = arguments
        vector = ir.VectorType(ir.IntType(8), STEP).as_pointer()
        target = builder.gep(context.make_array(out_type)(context, builder, out_value).data, [at_value])
        origin = builder.gep(context.make_array(source_type)(context, builder, source_value).data, [start_value])
        moved = builder.load(builder.bitcast(origin, vector), align=1)
        builder.store(moved, builder.bitcast(target, vector), align=1)
        return context.get_dummy_value()

    return types.void(out, types.int64, source, types.int64), generate


@intrinsic
def store_word(typing_context: Any, out: Any, at: Any, value: Any) -> Any:
    """Store `value` (uint64) as eight bytes, least significant first, from `out[at]` on."""
    from llvmlite import ir
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out_value, at_value, word = arguments
        target = builder.gep(context.make_array(signature.args[0])(context, builder, out_value).data, [at_value])
        for shift in range(0, 64, 8):  # byte order made explicit; LLVM makes one store of it where it can
            byte = builder.trunc(builder.lshr(word, ir.Constant(ir.IntType(64), shift)), ir.IntType(8))
            builder.store(byte, builder.gep(target, [ir.Constant(ir.IntType(64), shift // 8)]))
        return context.get_dummy_value()

    return types.void(out, types.int64, types.uint64), generate
