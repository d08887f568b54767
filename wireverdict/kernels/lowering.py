"""Two things that numba does for everybody and that no kernel needs, left out in processes that compile.

Both reach into numba: what a later version no longer has stays as it is there, which costs time and nothing else.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def settle() -> None:
    """Leave them out from now on in this process."""
    from numba.core import codegen, cpu
    from numba.np import arrayobj

    if hasattr(arrayobj, "fix_integer_index"):
        arrayobj.fix_integer_index = _from_the_front
    if hasattr(codegen.CPUCodeLibrary, "finalize") and hasattr(cpu.CPUContext, "get_executable"):
        _link_helpers(codegen.CPUCodeLibrary, cpu.CPUContext)


def _from_the_front(context: Any, builder: Any, index_type: Any, index: Any, size: Any) -> Any:
    """An index as it is. Python counts a negative one from the end, and asking costs every access a comparison and a choice:
    a twelfth of the time of the kernels that see every packet. A negative one would be outside the array, which
    ``NUMBA_BOUNDSCHECK=1`` tells."""
    from numba.core import types

    return context.cast(builder, index, index_type, types.intp)


def _link_helpers(library: Any, target: Any) -> None:
    """Do not make machine code of helpers, which only kernels call: they become part of the kernel, and are optimized there.
    A quarter of the time that kernels take to compile."""
    finalize, get_executable = library.finalize, target.get_executable

    def linked(self: Any) -> None:
        if not getattr(self, "helper", False):
            finalize(self)
            return
        for other in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(other._reload_init)
            self._final_module.link_in(other._get_module_for_linking(), preserve=True)
        self._finalized = True

    def executable(self: Any, made: Any, described: Any, environment: Any) -> Any:
        from numba import _dynfunc
        from numba.core.targetconfig import ConfigStack

        flags = ConfigStack.top_or_none()
        if flags is None or not flags.no_cpython_wrapper:
            return get_executable(self, made, described, environment)
        made.helper = True
        made._ensure_finalized()
        name = described.qualname.split(".")[-1]
        return _dynfunc.make_function(described.lookup_module(), name, "", 0, environment, (made,))

    library.finalize, target.get_executable = linked, executable
