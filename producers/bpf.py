"""`--filter`: expressions in BPF syntax, compiled and run by libpcap itself (see pcap-filter(7)).

libpcap is loaded when a filter is made, not before. One program is compiled for each link type that occurs; a kernel
calls libpcap's interpreter through its address, frame by frame, without Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from wireverdict.frames import FRAME, FrameBatch
from wireverdict.kernels import kernel

_NAMES = ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so", "libpcap.dylib", "libpcap.A.dylib")
_SNAP = 262_144
_ANY_NETMASK = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN
_DLT = {100: 11, 101: 12, 102: 15, 103: 16, 106: 19}
"""DLT_* (Linux) by LINKTYPE_* where libpcap's functions want another number than the file has."""
_TRIED = (1, 101, 113, 276, 127, 105, 0, 9, 192)
"""Ethernet, raw IP, SLL, SLL2, 802.11, loopback, PPP, PPI: an expression must make sense for at least one of them."""
_FRAMES = numba.from_dtype(FRAME)[::1]
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)


_NOTHING = "expression rejects all packets"
"""What libpcap says where no packet of a link type can match, such as ``ip6`` for raw IPv4: an answer, not a fault."""


class FilterError(Exception):
    """The filter cannot be used; the message is a sentence for the person who wrote it."""


class _Program(ctypes.Structure):
    """struct bpf_program: a count of instructions and where they are."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


@intrinsic  # type: ignore[untyped-decorator]
def call_filter(context: Any, function: Any, program: Any, data: Any, offset: Any, length: Any, captured: Any) -> Any:
    """bpf_filter(program, &data[offset], length, captured), the function being given by its address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[2])(context, builder, arguments[2])
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        wanted = ir.FunctionType(number, [pointer, pointer, number, number])
        address = builder.inttoptr(arguments[0], wanted.as_pointer())
        packet = builder.gep(held.data, [arguments[3]])
        parameters = [builder.inttoptr(arguments[1], pointer), packet, arguments[4], arguments[5]]
        return builder.call(address, parameters)

    wide = types.int64
    return types.uint32(wide, wide, data, wide, types.uint32, types.uint32), generate


@kernel(types.void(types.int64, types.int64, types.int64, _BYTES, _FRAMES, types.boolean[::1]))
def run(function: Any, program: Any, link: Any, data: Any, frames: Any, mask: Any) -> None:
    """Set `mask` for the frames of one link type that the program accepts."""
    for i in range(frames.size):
        if frames[i].link == link:
            length, captured = frames[i].length, frames[i].captured
            mask[i] = call_filter(function, program, data, frames[i].offset, length, captured) != 0


def load() -> ctypes.CDLL:
    """libpcap, its functions declared. Raises FilterError."""
    library = _open()
    library.pcap_open_dead.argtypes = (ctypes.c_int, ctypes.c_int)
    library.pcap_open_dead.restype = ctypes.c_void_p
    library.pcap_compile.argtypes = (
        ctypes.c_void_p, ctypes.POINTER(_Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
    )  # fmt: skip
    library.pcap_geterr.argtypes = (ctypes.c_void_p,)
    library.pcap_geterr.restype = ctypes.c_char_p
    library.pcap_close.argtypes = (ctypes.c_void_p,)
    library.pcap_freecode.argtypes = (ctypes.POINTER(_Program),)
    return library


def _open() -> ctypes.CDLL:
    for name in _NAMES:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    found = ctypes.util.find_library("pcap")  # asks other programs, so it comes last
    if found:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(found)
    raise FilterError("--filter needs libpcap, which is not installed; install it (Debian and Ubuntu: libpcap0.8)")


class Filter:
    """A compiled expression. Raises FilterError if libpcap is missing or rejects the expression for every usual link
    type.

    An expression may make sense for some link types only (``wlan host …``). Frames of the others do not match;
    `rejected` tells what libpcap said.
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self._reasons: dict[int, str] = {}
        self._library = load()
        self._function = ctypes.cast(self._library.bpf_filter, ctypes.c_void_p).value or 0
        self._programs: dict[int, _Program] = {}
        usable = any(self._program(link) is not None for link in _TRIED)
        if not usable or self._reasons.get(_TRIED[0]) == _NOTHING:
            raise FilterError(f"--filter {expression!r}: {self._reasons[_TRIED[0]]}; see pcap-filter(7) for the syntax")
        self._reasons.clear()

    def __del__(self) -> None:
        for program in getattr(self, "_programs", {}).values():
            self._library.pcap_freecode(ctypes.byref(program))

    @property
    def rejected(self) -> dict[int, str]:
        """Link types seen for which the expression makes no sense, and libpcap's words on that."""
        return {link: reason for link, reason in self._reasons.items() if reason != _NOTHING}

    def mask(self, batch: FrameBatch) -> NDArray[np.bool_]:
        """Which frames match; bool, shape (n,)."""
        mask = np.zeros(len(batch.frames), np.bool_)
        for link in np.unique(batch.frames["link"]).tolist():
            program = self._program(link)
            if program is not None:
                run(self._function, program.instructions, link, batch.data, batch.frames, mask)
        return mask

    def _program(self, link: int) -> _Program | None:
        """The program for a link type, or None and libpcap's words in `_reasons`."""
        if link in self._reasons:
            return None
        if link not in self._programs:
            library = self._library
            handle = library.pcap_open_dead(_DLT.get(link, link), _SNAP)
            program = _Program()
            expression = self.expression.encode()
            if library.pcap_compile(handle, ctypes.byref(program), expression, 1, _ANY_NETMASK) != 0:
                self._reasons[link] = library.pcap_geterr(handle).decode(errors="replace")
                library.pcap_close(handle)
                return None
            library.pcap_close(handle)
            self._programs[link] = program
        return self._programs[link]
