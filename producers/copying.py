"""Copying bytes inside kernels by memcpy; numba's loops and slices over bytes are an order of magnitude slower."""

from __future__ import annotations

from typing import Any

from wireverdict.kernels import intrinsic


@intrinsic
def copy_bytes(context: Any, target: Any, at: Any, source: Any, start: Any, count: Any) -> Any:
    """copy_bytes(target, at, source, start, count): ``target[at:at+count] = source[start:start+count]``, unchecked.

    Both are contiguous uint8 arrays that do not overlap; the numbers are int64.
    """
    from numba.core import cgutils, types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = context.make_array(signature.args[0])(context, builder, arguments[0])
        of = context.make_array(signature.args[2])(context, builder, arguments[2])
        cgutils.raw_memcpy(
            builder, builder.gep(to.data, [arguments[1]]), builder.gep(of.data, [arguments[3]]), arguments[4], 1
        )
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64, types.int64), generate
