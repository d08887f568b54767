"""`--filter`: expressions in BPF syntax, compiled and run by libpcap itself (see pcap-filter(7)).

libpcap is loaded when a filter is made, not before. One program is compiled for each link type that occurs; a kernel
calls libpcap's interpreter through its address, frame by frame, without Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.frames import FRAME, FrameBatch
from wireverdict.kernels import intrinsic, kernel, types

_NAMES = ("libpcap.so.0.8", "libpcap.so.1", "libpcap.so", "libpcap.dylib", "libpcap.A.dylib")
_SNAP = 262_144
_ERROR_SIZE = 256  # PCAP_ERRBUF_SIZE
_ANY_NETMASK = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN
_NULL = 0
"""LINKTYPE_NULL: its header, an address family, is in the byte order of the host that captured."""
_TRIED = (1, 101, 113, 276, 127, 105, 0, 9, 192)
"""Ethernet, raw IP, SLL, SLL2, 802.11, loopback, PPP, PPI: an expression must make sense for at least one of them."""
_FRAMES = types.from_dtype(FRAME)[::1]
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)


_NOTHING = "expression rejects all packets"
"""What libpcap says where no packet of a link type can match, such as ``ip6`` for raw IPv4: an answer, not a fault."""


class FilterError(Exception):
    """The filter cannot be used; the message is a sentence for the person who wrote it."""


class Code(ctypes.Structure):
    """struct bpf_program: a count of instructions and where they are."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


@intrinsic
def call_filter(context: Any, function: Any, program: Any, data: Any, offset: Any, length: Any, captured: Any) -> Any:
    """bpf_filter(program, &data[offset], length, captured), the function being given by its address."""
    from llvmlite import ir
    from numba.core import types

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


@kernel(
    types.void(types.int64, types.int64, types.int64, types.boolean, _BYTES, _FRAMES, types.boolean[::1]), borrow=True
)
def run(function: Any, program: Any, link: Any, big: Any, data: Any, frames: Any, mask: Any) -> None:
    """Set `mask` for the frames of one link type that the program accepts.

    `big`: of LINKTYPE_NULL, the frames whose header is big-endian (address families are small numbers); else the
    others.
    """
    for i in range(frames.size):
        if frames[i].link == link:
            if link == _NULL and big != (frames[i].captured > 0 and data[frames[i].offset] == 0):
                continue
            length, captured = frames[i].length, frames[i].captured
            mask[i] = call_filter(function, program, data, frames[i].offset, length, captured) != 0


def load() -> ctypes.CDLL:
    """libpcap, its functions declared. Raises FilterError."""
    library = _open()
    library.pcap_fopen_offline.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    library.pcap_fopen_offline.restype = ctypes.c_void_p
    library.pcap_compile.argtypes = (
        ctypes.c_void_p, ctypes.POINTER(Code), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint32,
    )  # fmt: skip
    library.pcap_geterr.argtypes = (ctypes.c_void_p,)
    library.pcap_geterr.restype = ctypes.c_char_p
    library.pcap_close.argtypes = (ctypes.c_void_p,)
    library.pcap_freecode.argtypes = (ctypes.POINTER(Code),)
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
        self._reasons: dict[tuple[int, bool], str] = {}
        self._library = load()
        self._memory = ctypes.CDLL(None).fmemopen
        self._memory.argtypes, self._memory.restype = (
            (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p),
            ctypes.c_void_p,
        )
        self._function = ctypes.cast(self._library.bpf_filter, ctypes.c_void_p).value or 0
        self._programs: dict[tuple[int, bool], Code] = {}
        usable = any(self._program(link) is not None for link in _TRIED)
        if not usable or self._reasons.get((_TRIED[0], False)) == _NOTHING:
            reason = self._reasons[_TRIED[0], False]
            raise FilterError(f"--filter {expression!r}: {reason}; see pcap-filter(7) for the syntax")
        self._reasons.clear()

    def __del__(self) -> None:
        for program in getattr(self, "_programs", {}).values():
            self._library.pcap_freecode(ctypes.byref(program))

    @property
    def rejected(self) -> dict[int, str]:
        """Link types seen for which the expression makes no sense, and libpcap's words on that."""
        return {link: reason for (link, _), reason in self._reasons.items() if reason != _NOTHING}

    def mask(self, batch: FrameBatch) -> NDArray[np.bool_]:
        """Which frames match; bool, shape (n,)."""
        mask = np.zeros(len(batch.frames), np.bool_)
        for link in np.unique(batch.frames["link"]).tolist():
            for big in (False, True) if link == _NULL else (False,):
                program = self._program(link, big)
                if program is not None:
                    run(self._function, program.instructions, link, big, batch.data, batch.frames, mask)
        return mask

    def _program(self, link: int, big: bool = False) -> Code | None:
        """The program for a link type in captures of a byte order, or None and libpcap's words in `_reasons`."""
        key = (link, big)
        if key not in self._programs and key not in self._reasons:
            program = Code()
            reason = self._compile(program, link, big)
            if reason is None:
                self._programs[key] = program
            else:
                self._reasons[key] = reason
        return self._programs.get(key)

    def _compile(self, program: Code, link: int, big: bool) -> str | None:
        """Fill `program`; None, or what libpcap has against it.

        It is compiled for an empty capture and not for no device (pcap_open_dead): only so does libpcap translate link
        types and allow for the address families of other systems.
        """
        library = self._library
        header = struct.pack(">IHHiIII" if big else "<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAP, link)
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        handle = library.pcap_fopen_offline(self._memory(header, len(header), b"rb"), error)
        if not handle:
            return error.value.decode(errors="replace")
        try:
            if library.pcap_compile(handle, ctypes.byref(program), self.expression.encode(), 1, _ANY_NETMASK) == 0:
                return None
            return bytes(library.pcap_geterr(handle)).decode(errors="replace")
        finally:
            library.pcap_close(handle)
