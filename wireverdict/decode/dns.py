"""The question of a DNS message (RFC 1035), over UDP, TCP and multicast; nothing else of the payload is kept.

Over UDP the port says that it is DNS, and what does not parse is malformed. Over TCP a segment may begin anywhere, so
only what could hardly be anything else is taken: a message that begins with the segment, with its length prefix or just
after it, whose header is consistent and whose question is whole.
"""

from __future__ import annotations

from typing import Any

from wireverdict.decode.reasons import DNS_CUT, DNS_MALFORMED
from wireverdict.headers import DNS, QUESTION
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import FNV_OFFSET, Bytes, fnv1a, u8, u16

MOST_NAME = 1024
"""Room that a name needs at most in presentation form: 255 bytes on the wire, four characters each."""
POINTERS = 16


@kernel(borrow=True)
def put_character(names: Bytes, used: int, byte: int) -> int:
    r"""Append one byte of a label as presentation form: ``\.`` and ``\\``, ``\DDD`` for what is not visible ASCII."""
    if byte == 0x2E or byte == 0x5C:
        names[used] = 0x5C
        names[used + 1] = byte
        return used + 2
    if byte < 0x21 or byte > 0x7E:
        names[used] = 0x5C
        names[used + 1] = 0x30 + byte // 100
        names[used + 2] = 0x30 + byte // 10 % 10
        names[used + 3] = 0x30 + byte % 10
        return used + 4
    names[used] = byte
    return used + 1


@kernel(borrow=True)
def question(data: Bytes, message: int, at: int, end: int, row: Any, names: Bytes, used: int) -> tuple[int, int]:
    """Read the question at `at` of the message at `message`: fill dns_qhash, dns_qtype, name_*.

    Gives (status, position behind it or 0). Status: the new number of bytes used in `names`; -1 if it runs beyond
    `end`; -2 if it is malformed (labels over 63 bytes, names over 255, more than 16 compression pointers, or pointers
    into the header). The root's name is empty.
    """
    state = FNV_OFFSET
    size = 0
    pointers = 0
    behind = 0
    out = used
    while True:
        if at >= end:
            return -1, 0
        length = u8(data, at)
        at += 1
        if length >= 192:
            if at >= end:
                return -1, 0
            target = (length & 63) << 8 | u8(data, at)
            if behind == 0:
                behind = at + 1
            pointers += 1
            if pointers > POINTERS or target < 12:
                return -2, 0
            at = message + target
            continue
        size += length + 1
        if length > 63 or size > 255:
            return -2, 0
        state = fnv1a(state, length)
        if length == 0:
            break
        if at + length > end:
            return -1, 0
        if out > used:
            names[out] = 0x2E
            out += 1
        for k in range(at, at + length):
            byte = u8(data, k)
            if 0x41 <= byte <= 0x5A:
                byte += 32
            state = fnv1a(state, byte)
            out = put_character(names, out, byte)
        at += length
    if behind == 0:
        behind = at
    if behind + 4 > end:
        return -1, 0
    row["dns_qtype"] = u16(data, behind)
    row["dns_qhash"] = state
    row["name_offset"] = used
    row["name_length"] = out - used
    return out, behind + 4


@kernel(borrow=True)
def dns_datagram(data: Bytes, at: int, end: int, whole: int, row: Any, names: Bytes, used: int) -> tuple[int, int, int]:
    """DNS over UDP from `at`, captured up to `end`, on the wire up to `whole`: (bits, bytes used in `names`, flaw).

    A message whose question was cut off by the snap length still gives its id and flags (DNS without QUESTION,
    DNS_CUT).
    """
    if at + 12 > whole:
        return 0, used, DNS_MALFORMED
    if at + 12 > end:
        return 0, used, DNS_CUT
    flags = u16(data, at + 2)
    opcode = flags >> 11 & 15
    if opcode == 3 or opcode > 6:
        return 0, used, DNS_MALFORMED
    flaw = 0
    present = DNS
    if u16(data, at + 4):
        status, _ = question(data, at, at + 12, min(end, whole), row, names, used)
        if status == -2 or (status == -1 and end >= whole):
            return 0, used, DNS_MALFORMED
        if status == -1:
            flaw = DNS_CUT
        else:
            present |= QUESTION
            used = status
    elif flags & 0x8000 == 0 and opcode == 0 and u16(data, at + 6) | u16(data, at + 8) == 0:
        return 0, used, DNS_MALFORMED  # a query that asks and says nothing
    row["dns_id"] = u16(data, at)
    row["dns_flags"] = flags
    return present, used, flaw


@kernel(borrow=True)
def plausible(data: Bytes, at: int, response: int) -> bool:
    """Whether 12 bytes at `at` look like the header of a query or response with one question.

    `response`: 1 or 0 where the ports say what it must be, else -1.
    """
    flags = u16(data, at + 2)
    if response >= 0 and flags >> 15 != response:
        return False
    opcode = flags >> 11 & 15
    if flags & 0x0040 or not (opcode == 0 or opcode == 4 or opcode == 5) or u16(data, at + 4) != 1:
        return False
    if flags >> 15 == 0:
        # a query answers nothing, except that an update carries records; IXFR and NOTIFY may carry one
        return (
            flags & 15 == 0
            and (opcode == 5 or (u16(data, at + 6) <= 1 and u16(data, at + 8) <= 1))
            and (u16(data, at + 10) <= 2 or opcode == 5)
        )
    return flags & 15 <= 11


@kernel(borrow=True)
def dns_at(data: Bytes, at: int, end: int, response: int, row: Any, names: Bytes, used: int) -> int:
    """A message at `at` that must convince: bytes used in `names`, or -1."""
    if at + 17 > end or not plausible(data, at, response):
        return -1
    status, behind = question(data, at, at + 12, end, row, names, used)
    if status < 0:
        return -1
    kind = u16(data, behind - 4)
    group = u16(data, behind - 2)
    if kind == 0 or not (group == 1 or group == 3 or group == 4 or group == 254 or group == 255):
        return -1
    row["dns_id"] = u16(data, at)
    row["dns_flags"] = u16(data, at + 2)
    return status


@kernel(borrow=True)
def dns_segment(data: Bytes, at: int, end: int, response: int, row: Any, names: Bytes, used: int) -> tuple[int, int]:
    """DNS over TCP (RFC 7766) in a segment from `at`: (bits, bytes used in `names`).

    At most its first message: with the two-byte length in front, or without it or its first byte, if those came in a
    segment of their own.
    """
    if at + 19 <= end and u16(data, at) >= 17:
        status = dns_at(data, at + 2, min(end, at + 2 + u16(data, at)), response, row, names, used)
        if status >= 0:
            return DNS | QUESTION, status
    for missing in range(2):
        status = dns_at(data, at + missing, end, response, row, names, used)
        if status >= 0:
            return DNS | QUESTION, status
    row["dns_qhash"], row["dns_qtype"], row["name_offset"], row["name_length"] = 0, 0, 0, 0
    return 0, used
