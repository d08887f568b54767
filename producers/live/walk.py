"""The kernels that read a ring: which blocks are ours, and where their packets lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.live import abi
from wireverdict.frames import FRAME, IN, OUT, UNKNOWN
from wireverdict.kernels import intrinsic, kernel, types
from wireverdict.kernels.prefetch import prefetch

_BYTES, _HALVES, _WORDS = types.uint8[::1], types.uint16[::1], types.uint32[::1]
_FRAMES = types.from_dtype(FRAME)[::1]
_I64 = types.int64

LINK_OF: NDArray[np.uint16] = np.full(1 << 10, abi.RAW, np.uint16)
"""Link type by hardware type; those above have none of their own."""
for _hardware, _link in abi.LINKS.items():
    LINK_OF[_hardware] = _link
_AHEAD = 2_048
"""Bytes ahead of a packet that are asked for from memory: another core has just written them."""
# Indices in `tally`
DISORDER, BROKEN, LAST, TALLY = range(4)
"""Packets before the one before them; packets that do not lie in their block; time of the last packet (ns)."""


@intrinsic
def acquire(context: Any, words: Any, at: Any) -> Any:
    """``words[at]``, read before all that is read after it: the kernel wrote the block first, and then this."""
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load_atomic(builder.gep(held.data, [arguments[1]]), "acquire", 4)

    return types.uint32(words, types.int64), generate


@intrinsic
def release(context: Any, words: Any, at: Any, value: Any) -> Any:
    """``words[at] = value``, written after all that was read before it."""
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        builder.store_atomic(arguments[2], builder.gep(held.data, [arguments[1]]), "release", 4)
        return context.get_dummy_value()

    return types.void(words, types.int64, types.uint32), generate


@kernel(_I64(_WORDS, _I64, _I64, _I64, _I64, _I64), borrow=True)
def ready(words: Any, base: Any, size: Any, blocks: Any, first: Any, most: Any) -> Any:
    """How many blocks from number `first` on the kernel has handed over, `most` at most.

    `base`: where the ring begins in `words`, in bytes; `size`: bytes of a block; `blocks`: of the ring.
    """
    count = 0
    while count < most:
        at = (base + (first + count) % blocks * size + abi.BLOCK_STATUS) >> 2
        if not acquire(words, at) & np.uint32(abi.STATUS_USER):
            break
        count += 1
    return count


@kernel(types.void(_WORDS, _I64, _I64, _I64, _I64, _I64), borrow=True)
def give_back(words: Any, base: Any, size: Any, blocks: Any, first: Any, count: Any) -> None:
    """Let the kernel have `count` blocks from number `first` on; see `ready`."""
    for number in range(first, first + count):
        release(words, (base + number % blocks * size + abi.BLOCK_STATUS) >> 2, np.uint32(0))


@kernel(inline=True, borrow=True)
def insert_tag(data: Any, start: Any, tpid: Any, tci: Any) -> None:
    """Move the two addresses at `start` four bytes ahead, and put an 802.1Q tag behind them."""
    for byte in range(start, start + 12):
        data[byte - 4] = data[byte]
    data[start + 8], data[start + 9] = tpid >> 8, tpid & 0xFF
    data[start + 10], data[start + 11] = tci >> 8, tci & 0xFF


@kernel(borrow=True)
def walk(
    data: Any,
    halves: Any,
    words: Any,
    block: Any,
    size: Any,
    links: Any,
    snap: Any,
    file: Any,
    frames: Any,
    at: Any,
    tally: Any,
) -> Any:
    """Write the packets of the block that begins at byte `block` as frames from index `at` on; the index behind them.

    `data`, `halves`, `words`: the same memory in pieces of 1, 2 and 4 bytes. `frames` has room for all of them. A VLAN tag
    that the kernel keeps beside the packet goes back into it, and `snap` bounds what is then captured, so that frames are
    what tcpdump would have written. Only a block that the kernel has handed over may be given, and only once.
    """
    end = block + size
    place = block + np.int64(words[(block + abi.BLOCK_FIRST) >> 2])
    last = tally[LAST]
    fetched = place
    for _ in range(np.int64(words[(block + abi.BLOCK_PACKETS) >> 2])):
        if place + abi.LEAST_FRAME > end:
            tally[BROKEN] += 1
            break
        while fetched < place + _AHEAD:
            prefetch(data, fetched, 0)
            fetched += 64
        word, half = place >> 2, place >> 1
        ts = np.int64(words[word + (abi.SEC >> 2)]) * 1_000_000_000 + np.int64(words[word + (abi.NSEC >> 2)])
        captured = np.int64(words[word + (abi.CAPTURED >> 2)])
        length = np.int64(words[word + (abi.LENGTH >> 2)])
        status = words[word + (abi.STATUS >> 2)]
        mac = np.int64(halves[half + (abi.MAC_NET >> 1)])
        net = np.int64(halves[half + (abi.MAC_NET >> 1) + 1])
        hardware = np.int64(halves[half + (abi.HATYPE >> 1)])
        kind = data[place + abi.PKTTYPE]
        link = np.int64(links[hardware]) if hardware < len(links) else abi.RAW
        start = place + mac
        if link == abi.RAW:
            start, captured, length = place + net, captured - (net - mac), length - (net - mac)
        if captured < 0 or start + captured > end:
            tally[BROKEN] += 1
        else:
            if link == abi.EN10MB and status & np.uint32(abi.VLAN_VALID) and captured >= 12:
                tpid = np.int64(0x8100)
                if status & np.uint32(abi.VLAN_TPID_VALID):
                    tpid = np.int64(halves[half + (abi.TPID >> 1)])
                insert_tag(data, start, tpid, np.int64(words[word + (abi.TCI >> 2)]))
                start, captured, length = start - 4, min(captured + 4, snap), length + 4
            frame = frames[at]
            frame["ts"], frame["offset"] = ts, start
            frame["captured"], frame["length"] = captured, length
            frame["link"], frame["file"] = link, file
            if hardware == abi.ARPHRD_LOOPBACK or kind == 3 or kind > abi.PACKET_OUTGOING:
                frame["direction"] = UNKNOWN
            else:
                frame["direction"] = OUT if kind == abi.PACKET_OUTGOING else IN
            frame["pad"] = 0
            if ts < last:
                tally[DISORDER] += 1
            last = ts
            at += 1
        place += np.int64(words[word])
    tally[LAST] = last
    return at


@kernel(
    types.UniTuple(_I64, 2)(
        *(_BYTES, _HALVES, _WORDS, _I64, _I64, _I64, _I64, _I64, types.uint16[::1], _I64, types.uint32, _FRAMES),
        _I64[::1],
    ),
    borrow=True,
)
def take(
    data: Any,
    halves: Any,
    words: Any,
    base: Any,
    size: Any,
    blocks: Any,
    first: Any,
    most: Any,
    links: Any,
    snap: Any,
    file: Any,
    frames: Any,
    tally: Any,
) -> Any:
    """`walk` through the blocks from number `first` on, `most` at most, that the kernel has handed over, until `frames` has no
    room for another one: frames written, and blocks. See `ready` for `base`, `size` and `blocks`."""
    count = taken = 0
    while taken < most:
        block = base + (first + taken) % blocks * size
        if not acquire(words, (block + abi.BLOCK_STATUS) >> 2) & np.uint32(abi.STATUS_USER):
            break
        if count + np.int64(words[(block + abi.BLOCK_PACKETS) >> 2]) > len(frames):
            break
        count = walk(data, halves, words, block, size, links, snap, file, frames, count, tally)
        taken += 1
    return count, taken
