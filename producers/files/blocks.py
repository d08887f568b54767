"""The kernel that reads packet blocks of pcapng."""

from __future__ import annotations

from typing import Any

import numpy as np

from producers.files import scan
from wireverdict.frames import IN, OUT, UNKNOWN
from wireverdict.kernels import kernel, types


@kernel(inline=True, borrow=True)
def nanoseconds(ticks: Any, kind: Any, factor: Any, offset: Any) -> Any:
    """The time of a pcapng timestamp (uint64) in ns since 1970; LATEST (or -LATEST) where int64 cannot hold it."""
    units = np.uint64(ticks)
    if kind == scan.MULTIPLY:
        per_second = np.uint64(scan.BILLION // factor)
        seconds = np.int64(units // per_second)
        rest = np.int64(units % per_second) * factor
    elif kind == scan.DIVIDE:
        whole = units // np.uint64(factor)
        seconds = np.int64(whole // np.uint64(scan.BILLION))
        rest = np.int64(whole % np.uint64(scan.BILLION))
    else:
        fraction = units
        seconds = np.int64(0)
        if factor < 64:
            seconds = np.int64(units >> np.uint64(factor))
            fraction = units & ((np.uint64(1) << np.uint64(factor)) - np.uint64(1))
        high = (fraction >> np.uint64(32)) * np.uint64(scan.BILLION)
        low = (fraction & np.uint64(0xFFFFFFFF)) * np.uint64(scan.BILLION)
        if factor >= 96:
            rest = np.int64(0)
        elif factor >= 32:  # 2**-factor of high:low, without a product of more than 64 bits
            rest = np.int64((high + (low >> np.uint64(32))) >> np.uint64(factor - 32))
        else:
            rest = np.int64(low >> np.uint64(factor))
    most = scan.FAR // scan.BILLION - 1
    if seconds < 0 or offset > most or seconds + offset > most:  # seconds < 0: 2**63 or more
        return scan.LATEST
    if seconds + offset < -most:
        return -scan.LATEST
    return (seconds + offset) * scan.BILLION + rest


@kernel(borrow=True)
def direction_of(data: Any, at: int, end: int, big: int) -> int:
    """The direction in the flags option (code 2) of a packet block whose options lie in `at` to `end`."""
    while at + 4 <= end:
        code, length = scan.u16(data, at, big), scan.u16(data, at + 2, big)
        at += 4
        if code == 0 or at + length > end:
            break
        if code == 2 and length == 4:
            way = scan.u32(data, at, big) & 3
            return IN if way == 1 else (OUT if way == 2 else UNKNOWN)
        at += (length + 3) & ~3
    return UNKNOWN


@kernel(types.void(scan.BYTES, scan.NUMBERS, types.int64[:, ::1], scan.NUMBERS, scan.FRAMES), borrow=True)
def scan_pcapng(data: Any, form: Any, interfaces: Any, state: Any, frames: Any) -> None:
    """Fill `frames` with the packets of pcapng blocks (enhanced, simple, obsolete); other blocks are passed over.

    Stops at section headers and at whole interface descriptions, which Python reads. A simple packet block has no
    time: it gets that of the record before it (0 if there was none) and counts as UNTIMED.
    """
    big, limit, file, known = form[scan.BIG], form[scan.LIMIT], form[scan.FILE], form[scan.INTERFACES]
    position, size = state[scan.POSITION], data.size
    scan.begin(state)
    stop = scan.FULL
    while state[scan.FILLED] < frames.size:
        if position + 12 > size:
            stop = scan.MORE
            state[scan.NEED] = 12
            break
        kind = scan.u32(data, position, big)
        if kind == 0x0A0D0D0A:
            stop = scan.SECTION
            break
        total = scan.u32(data, position + 4, big)
        if total < 12 or total & 3 or total > limit:
            stop = scan.BAD_LENGTH
            state[scan.VALUE] = total
            break
        if position + total > size:
            stop = scan.MORE
            state[scan.NEED] = total
            break
        end = position + total - 4
        if scan.u32(data, end, big) != total:
            stop = scan.BAD_TRAILER
            state[scan.VALUE] = total
            break
        if kind == 1:
            stop = scan.INTERFACE
            break
        if kind == 6 or kind == 2:
            if total < 32:
                stop = scan.BAD_BLOCK
                state[scan.VALUE] = total
                break
            captured, length = scan.u32(data, position + 20, big), scan.u32(data, position + 24, big)
            if captured > total - 32:
                stop = scan.BAD_CAPTURED
                state[scan.VALUE] = captured
                break
            number = scan.u32(data, position + 8, big) if kind == 6 else scan.u16(data, position + 8, big)
            if number < known:
                units = (np.uint64(scan.u32(data, position + 12, big)) << np.uint64(32)) | np.uint64(
                    scan.u32(data, position + 16, big)
                )
                ts = nanoseconds(
                    units,
                    interfaces[number, scan.IF_KIND],
                    interfaces[number, scan.IF_FACTOR],
                    interfaces[number, scan.IF_OFFSET],
                )
                options = position + 28 + ((captured + 3) & ~3)
                direction = direction_of(data, options, end, big) if options < end else UNKNOWN
                state[scan.LAST] = ts
                link = interfaces[number, scan.IF_LINK]
                scan.put(frames[state[scan.FILLED]], ts, position + 28, captured, length, link, direction, file, state)
            else:
                state[scan.STRANGE] += 1
        elif kind == 3:
            if total < 16:
                stop = scan.BAD_BLOCK
                state[scan.VALUE] = total
                break
            if known > 0:
                length = scan.u32(data, position + 8, big)
                captured = min(length, total - 16)
                if interfaces[0, scan.IF_SNAP] > 0:
                    captured = min(captured, interfaces[0, scan.IF_SNAP])
                link = interfaces[0, scan.IF_LINK]
                scan.put(
                    frames[state[scan.FILLED]],
                    state[scan.LAST],
                    position + 12,
                    captured,
                    length,
                    link,
                    UNKNOWN,
                    file,
                    state,
                )
                state[scan.UNTIMED] += 1
            else:
                state[scan.STRANGE] += 1
        position += total
    state[scan.POSITION] = position
    state[scan.STOP] = stop
