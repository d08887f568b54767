"""Indexes of kernels count from the front.

Python counts a negative index from the end, and numba compiles that question into every access: a comparison and a choice, a
twelfth of the time of the kernels that see every packet. No kernel asks it.
"""

from __future__ import annotations

from typing import Any


def from_the_front() -> None:
    """Let what numba compiles from now on in this process take every index as it is. A negative one would be outside the
    array: ``NUMBA_BOUNDSCHECK=1`` tells."""
    from numba.core import types
    from numba.np import arrayobj

    def fixed(context: Any, builder: Any, index_type: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, index_type, types.intp)

    arrayobj.fix_integer_index = fixed
