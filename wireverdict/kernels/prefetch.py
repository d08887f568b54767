"""Asking the processor for a row before it is needed: table look-ups wait for memory, and several can wait at once."""

from __future__ import annotations

from typing import Any

from wireverdict.kernels import intrinsic


@intrinsic
def prefetch(context: Any, array: Any, index: Any, offset: Any) -> Any:
    """prefetch(array, index, offset): fetch the cache line `offset` bytes into row `index` of a one-dimensional array.

    A hint only: it reads nothing that the program sees, and an address outside the array does no harm.
    """
    from llvmlite import ir
    from numba.core import cgutils, types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = cgutils.get_item_pointer2(
            context,
            builder,
            held.data,
            cgutils.unpack_tuple(builder, held.shape, 1),
            cgutils.unpack_tuple(builder, held.strides, 1),
            signature.args[0].layout,
            [arguments[1]],
        )
        byte = ir.IntType(8).as_pointer()
        address = builder.gep(builder.bitcast(place, byte), [arguments[2]], source_etype=ir.IntType(8))
        flag = ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        callee = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
        builder.call(callee, [address, flag(1), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate
