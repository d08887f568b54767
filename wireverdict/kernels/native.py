"""Running kernels that were compiled before, without numba, which takes longer to import than most runs have to do, and
more memory than a small host wants to give.

numba leaves machine code with an entry that Python can call. `image` puts it into memory, or LLVM's linker where it cannot,
and two of numba's small extension modules, loaded by themselves, give it what it asks for. Arguments are checked here: the
code does not.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import importlib.util
import struct
import threading
import types as python_types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wireverdict.kernels import store
from wireverdict.kernels.image import Image, Unsupported
from wireverdict.kernels.types import Signature

_HELPERS = ("adapt_ndarray", "do_raise", "unpickle", "runtime_build_excinfo_struct", "gil_ensure", "gil_release")
_LOCK = threading.RLock()


def extension(name: str) -> Any:
    """One of numba's extension modules, without the rest of numba. Raises ImportError."""
    found = importlib.util.find_spec("numba")
    for place in (found.submodule_search_locations or ()) if found else ():
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = Path(place) / f"{name}{suffix}"
            if path.exists():
                full = f"numba.{name}"
                loader = importlib.machinery.ExtensionFileLoader(full, str(path))
                spec = importlib.util.spec_from_file_location(full, path, loader=loader)
                assert spec is not None
                module = importlib.util.module_from_spec(spec)
                loader.exec_module(module)
                return module
    raise ImportError(f"numba has no extension module {name}")


class _Linker:
    """Puts machine code into memory."""

    def __init__(self) -> None:
        helpers = extension("_helperlib").c_helpers
        self._symbols = {f"numba_{name}".encode(): helpers[name] for name in _HELPERS if name in helpers}
        self._functions = extension("_dynfunc")
        self._module = python_types.ModuleType("wireverdict.kernels.compiled")

    def link(self, name: str, made: store.Machine) -> Callable[..., Any]:
        """The function that Python can call. Raises RuntimeError if the code asks for what is not there."""
        linked: Any
        try:
            linked = Image(made.code, self._address)
        except (Unsupported, LookupError, OSError, ValueError, struct.error):
            linked = self.link_by_llvm(name, made)
        try:
            entry, pointer = linked[made.entry], linked[made.environment]
        except KeyError as missing:
            raise RuntimeError(f"{name} has no symbol {missing}") from None
        environment = self._functions.Environment({})
        ctypes.c_void_p.from_address(pointer).value = id(environment)
        function: Callable[..., Any] = self._functions.make_function(
            self._module, name, "", entry, environment, (linked,)
        )
        return function

    def link_by_llvm(self, name: str, made: store.Machine) -> Any:
        """Addresses of a kernel's two symbols, by name. Raises RuntimeError."""
        engine, orcjit = _llvm()
        builder = orcjit.JITLibraryBuilder().add_object_img(made.code).add_current_process()
        for symbol, address in self._symbols.items():
            builder.import_symbol(symbol.decode(), address)
        return builder.export_symbol(made.entry).export_symbol(made.environment).link(engine, name)

    def _address(self, symbol: bytes) -> int:
        """Of what a kernel asks for: numba's helpers, and what the process has loaded. Raises LookupError."""
        if symbol not in self._symbols:
            try:
                self._symbols[symbol] = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, symbol.decode()))
            except ValueError:
                raise LookupError(symbol) from None
        found: int = self._symbols[symbol]
        return found


@functools.cache
def _llvm() -> Any:
    """LLVM's linker, and how to use it."""
    from llvmlite import binding
    from llvmlite.binding import orcjit

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.create_lljit_compiler(), orcjit


@functools.cache
def linker() -> _Linker:
    """The one of this process. Raises ImportError where numba or llvmlite lack what it needs."""
    return _Linker()


class Native:
    """A kernel that is loaded when it is first called, and compiled by another process if it never was."""

    def __init__(self, function: Callable[..., Any], signature: Signature) -> None:
        functools.update_wrapper(self, function)
        self.signature = signature
        self.module, self.name = function.__module__, f"{function.__module__}.{function.__name__}"
        self._room = store.room_of(function.__code__.co_filename)
        self._usual = signature.usual()
        self._checks = signature.checks()
        self._entry: Callable[..., Any] | None = None

    @property
    def place(self) -> Path:
        """The file that keeps it."""
        return store.place(self._room, self.name)

    def __call__(self, *arguments: Any) -> Any:
        """Run it. Raises TypeError for arguments that it does not take."""
        entry = self._entry or self.load()
        if len(arguments) != len(self._checks):
            raise TypeError(f"{self.name} takes {len(self._checks)} arguments, not {len(arguments)}")
        if not _usual(arguments, self._usual):
            self._look_closely(arguments)
        return entry(*arguments)

    def bound(self, last: tuple[Any, ...]) -> Callable[..., Any]:
        """The kernel with its last arguments, which are looked at now and not at each call. Raises TypeError."""
        entry, first = self._entry or self.load(), len(self._checks) - len(last)
        if first < 0 or not all(check(each) for check, each in zip(self._checks[first:], last, strict=True)):
            raise TypeError(f"{self.name} does not take these as its last {len(last)} arguments")
        usual = self._usual[:first]

        def call(*arguments: Any) -> Any:
            if len(arguments) != first:
                raise TypeError(f"{self.name} takes {first} arguments here, not {len(arguments)}")
            if not _usual(arguments, usual):
                self._look_closely((*arguments, *last))
            return entry(*arguments, *last)

        return call

    def load(self) -> Callable[..., Any]:
        """Put it into memory, compiled first if need be. Raises RuntimeError if that cannot be done."""
        with _LOCK:
            if self._entry is None:
                made = store.read(self.place)
                if made is None:
                    from wireverdict.kernels.build import build

                    build([[self.module]])
                    made = store.read(self.place)
                if made is None:
                    raise RuntimeError(f"{self.name} was compiled, and is not at {self.place}")
                self._entry = linker().link(f"{self.name}-{id(self)}", made)
            return self._entry

    def _look_closely(self, arguments: tuple[Any, ...]) -> None:
        for number, (check, argument) in enumerate(zip(self._checks, arguments, strict=True)):
            if not check(argument):
                told = type(argument).__name__
                if isinstance(argument, np.ndarray):
                    told = f"an array of {argument.dtype.name}, {argument.shape}, flags {argument.flags.num:#x}"
                raise TypeError(f"{self.name}: No matching definition for argument {number}: {told}")


def _usual(arguments: tuple[Any, ...], usual: tuple[tuple[Any, int, bool], ...]) -> bool:
    """Whether arguments are what nearly always comes (`Signature.usual`): one call of `checks` for each would take twice as
    long."""
    for argument, (kind, ndim, readonly) in zip(arguments, usual, strict=True):
        if kind is int:
            if type(argument) is int or type(argument) is bool:
                continue
        elif type(argument) is np.ndarray and argument.dtype is kind and argument.ndim == ndim:
            flags = argument.flags
            if flags.carray or (readonly and flags.c_contiguous and flags.aligned):
                continue
        return False
    return True
