"""The question of a DNS message (RFC 1035), over UDP, TCP and multicast; nothing else of the payload is kept.

Over UDP the port says that it is DNS, and what does not parse is malformed. Over TCP a segment may begin anywhere, so
only what could hardly be anything else is taken: a message that begins with the segment, with its length prefix or just
after it, whose header is consistent and whose question is whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.decode.reasons import DNS_CUT, DNS_MALFORMED, MDNS_MALFORMED
from wireverdict.headers import DNS, FIRST_FRAGMENT, MDNS, QUESTION, TCP, TCP_HEADER, UDP
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import FNV_OFFSET, Bytes, fnv1a, u8, u16

DNS_PORT, MDNS_PORT = 53, 5353

MOST_NAME = 1024
"""Room that a name needs at most in presentation form: 255 bytes on the wire, four characters each."""
POINTERS = 16


@kernel(borrow=True, internal=True)
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


@kernel(borrow=True, internal=True)
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


@kernel(borrow=True, internal=True)
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


@kernel(borrow=True, internal=True)
def dns_segment(data: Bytes, at: int, end: int, row: Any, names: Bytes, used: int) -> tuple[int, int]:
    """DNS over TCP (RFC 7766) in a segment whose payload is at `at`: (bits, bytes used in `names`).

    At most its first message: with the two-byte length in front, or without it or its first byte, if those came in a
    segment of their own.
    """
    response = -1
    if row["sport"] != row["dport"]:
        response = 1 if row["sport"] == DNS_PORT else 0
    for attempt in range(3):
        message, stop = at + attempt - 1, end
        if attempt == 0:
            message = at + 2
            if message <= end:
                stop = min(end, message + u16(data, at))
        if message + 17 > stop or not plausible(data, message, response):
            continue
        status, behind = question(data, message, message + 12, stop, row, names, used)
        if status < 0:
            continue
        group = u16(data, behind - 2)
        known = group == 1 or group == 3 or group == 4 or group == 254 or group == 255
        if known and row["dns_qtype"]:
            row["dns_id"], row["dns_flags"] = u16(data, message), u16(data, message + 2)
            return DNS | QUESTION, status
        row["dns_qhash"], row["dns_qtype"] = 0, 0
        row["name_offset"], row["name_length"] = 0, 0
    return 0, used


@kernel(borrow=True, internal=True)
def dns_message(
    data: Bytes, at: int, end: int, known: int, row: Any, names: Bytes, used: int, counts: Any
) -> tuple[int, int]:
    """The DNS message behind the transport header at `at`, in a row that is filled otherwise: (bits, bytes used in
    `names`).

    `known`: bits of `present` so far. The ports are those of DNS or multicast DNS. Of a datagram whose question was cut
    off by the snap length or goes on in another fragment, id and flags are kept (DNS without QUESTION, DNS_CUT).
    """
    if row["protocol"] == TCP:
        if known & TCP_HEADER == 0 or (row["sport"] != DNS_PORT and row["dport"] != DNS_PORT):
            return 0, used
        return dns_segment(data, at + (u8(data, at + 12) >> 4) * 4, end, row, names, used)
    at += 8
    if row["protocol"] != UDP or at > end:
        return 0, used
    bit, malformed = DNS, DNS_MALFORMED
    if row["sport"] != DNS_PORT and row["dport"] != DNS_PORT:
        bit, malformed = MDNS, MDNS_MALFORMED
    whole = at + int(np.int64(row["payload_length"]))
    end = min(end, whole)
    if known & FIRST_FRAGMENT:  # what is missing is in other fragments: as good as cut off
        whole += 0xFFFF
    if at + 12 > end:
        counts[DNS_CUT if at + 12 <= whole else malformed] += 1
        return 0, used
    flags = u16(data, at + 2)
    opcode = flags >> 11 & 15
    count = u16(data, at + 4)
    silent = flags >> 15 == 0 and opcode == 0 and count | u16(data, at + 6) | u16(data, at + 8) == 0
    status = used
    if opcode == 3 or opcode > 6 or silent:  # silent: a query that asks and says nothing
        status = -2
    elif count:
        status, _ = question(data, at, at + 12, end, row, names, used)
    if status == -2 or (status == -1 and end >= whole):
        counts[malformed] += 1
        return 0, used
    row["dns_id"], row["dns_flags"] = u16(data, at), flags
    if status == -1:
        counts[DNS_CUT] += 1
        return bit, used
    return bit | QUESTION if count else bit, status
