"""The program that a packet socket runs on each packet before it takes room in the ring: libpcap's, with a head of ours.

The head leaves out what a loopback interface shows a second time (each packet goes out and comes in), and sends packets
of Ethernet-like interfaces to one program and all others, whose link-layer header is skipped, to another one. What a
program returns for packets that it accepts is how many of their bytes are taken.
"""

from __future__ import annotations

import ctypes
import re
from typing import NamedTuple

from producers.bpf import Code, FilterError, load
from producers.live import abi

_LD, _JEQ, _JA, _RET = 0x20, 0x15, 0x05, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_JMP|JA, BPF_RET|K
_ANCILLARY = 0xFFFFF000  # SKF_AD_OFF
_PKTTYPE, _HATYPE = _ANCILLARY + 4, _ANCILLARY + 28
_ANY_NETMASK = 0xFFFFFFFF
_MOST = 4_096  # BPF_MAXINSNS
_VLAN = re.compile(r"\bvlan\b")


class Instruction(NamedTuple):
    """struct sock_filter."""

    code: int
    true: int
    false: int
    operand: int


Program = list[Instruction]
NOTHING: Program = [Instruction(_RET, 0, 0, 0)]
"""Accepts no packet."""


def packed(program: Program) -> bytes:
    """As the kernel wants it."""
    return b"".join(abi.INSTRUCTION.pack(*each) for each in program)


def compiled(expression: str, link: int, snap: int) -> Program:
    """libpcap's program for packets of one link type, which takes `snap` bytes of each. Raises FilterError."""
    if not expression:
        return [Instruction(_RET, 0, 0, snap)]
    library = load()
    library.pcap_open_dead.argtypes, library.pcap_open_dead.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_void_p
    handle = library.pcap_open_dead(link if link != abi.RAW else 12, snap)  # DLT_RAW is not LINKTYPE_RAW
    code = Code()
    try:
        if library.pcap_compile(handle, ctypes.byref(code), expression.encode(), 1, _ANY_NETMASK):
            said = bytes(library.pcap_geterr(handle)).decode(errors="replace")
            raise FilterError(f"--filter {expression!r}: {said}; see pcap-filter(7) for the syntax")
        raw = ctypes.string_at(code.instructions or 0, code.length * abi.INSTRUCTION.size)
        library.pcap_freecode(ctypes.byref(code))
    finally:
        library.pcap_close(handle)
    return [Instruction(*values) for values in abi.INSTRUCTION.iter_unpack(raw)]


def needs_tags(expression: str) -> bool:
    """Whether a filter looks at VLAN tags, which the kernel takes out of packets before the program sees them."""
    return bool(_VLAN.search(expression))


def joined(*expressions: str) -> str:
    """One that all must accept; empty ones accept everything. Each must make sense alone (see `compiled`)."""
    given = [each for each in expressions if each.strip()]
    return " and ".join(f"({each})" for each in given)


def program(expression: str, links: tuple[int, ...], snap: int) -> Program:
    """For a socket that sees packets of these link types (`abi.LINKS`). Raises FilterError.

    An expression that makes no sense for raw IP (``ether host …``) accepts none of it, if there are other packets.
    """
    if any(link not in (abi.EN10MB, abi.RAW) for link in links):
        return compiled(expression, links[0], snap)
    try:
        raw = compiled(expression, abi.RAW, snap)
    except FilterError:
        if abi.EN10MB not in links:
            raise
        raw = NOTHING
    ethernet = compiled(expression, abi.EN10MB, snap)
    head = [
        Instruction(_LD, 0, 0, _HATYPE),
        Instruction(_JEQ, 6, 0, abi.ARPHRD_ETHER),
        Instruction(_JEQ, 0, 4, abi.ARPHRD_LOOPBACK),
        Instruction(_LD, 0, 0, _PKTTYPE),
        Instruction(_JEQ, 0, 1, abi.PACKET_OUTGOING),
        *NOTHING,
        Instruction(_JA, 0, 0, 1),
        Instruction(_JA, 0, 0, len(ethernet)),
    ]
    made = [*head, *ethernet, *raw]
    if len(made) > _MOST:
        raise FilterError(f"--filter {expression!r} needs {len(made):,} instructions and the kernel takes {_MOST:,}")
    return made


def without(addresses: list[tuple[str, int]]) -> str:
    """An expression for all but TCP with these addresses and ports; empty for none."""
    known = sorted({(address.partition("%")[0], port) for address, port in addresses})
    return " and ".join(f"not (tcp port {port} and host {address})" for address, port in known)
