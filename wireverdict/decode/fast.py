"""The kernel that turns frames into rows."""

# ruff: noqa: SIM109 (numba compiles a function of its own for each `in (…)`)
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.decode.dns import DNS_PORT, MDNS_PORT, MOST_NAME, dns_message
from wireverdict.decode.home import Ranges, home_direction
from wireverdict.decode.icmp import MAPPED, icmp_message
from wireverdict.decode.link import ETHERNET, FIRST_LAYER, IPV4, IPV6, find_ip
from wireverdict.decode.network import ip_packet
from wireverdict.decode.reasons import FRAGMENT, FRAME_BOUNDS, IP_LENGTH, TUNNEL_TOO_DEEP
from wireverdict.decode.transport import transport
from wireverdict.decode.tunnels import DEPTH, tunnel_payload
from wireverdict.frames import FRAME, UNKNOWN
from wireverdict.headers import FIRST_FRAGMENT, HEADER, ICMP, ICMP6, TCP, TUNNEL
from wireverdict.kernels import kernel, types
from wireverdict.kernels.bytes import Bytes, u8, u16, u32, u64

_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_FRAMES = types.Array(types.from_dtype(FRAME), 1, "C", readonly=True)
_ROWS = types.Array(types.from_dtype(HEADER), 1, "C")
_SIGNATURE = types.UniTuple(types.int64, 3)(
    _BYTES, _FRAMES, types.int64, types.int64[:, ::1], types.boolean, types.uint64[:, ::1], types.uint8[::1],
    types.uint8[::1],
    _ROWS, types.uint16[::1], types.uint8[::1], types.int64, types.int64[::1],
)  # fmt: skip


@kernel(inline=True, borrow=True, internal=True)
def ip_fields(data: Bytes, at: int, row: Any) -> int:
    """Addresses, TTL and traffic class of the IP header at `at`, which is whole; gives the identification (IPv4's, else 0)."""
    if u8(data, at) >> 4 == 4:
        row["src_lo"] = MAPPED | np.uint64(u32(data, at + 12))
        row["dst_lo"] = MAPPED | np.uint64(u32(data, at + 16))
        row["tos"] = u8(data, at + 1)
        row["ttl"] = u8(data, at + 8)
        return u16(data, at + 4)
    row["src_hi"], row["src_lo"] = u64(data, at + 8), u64(data, at + 16)
    row["dst_hi"], row["dst_lo"] = u64(data, at + 24), u64(data, at + 32)
    row["tos"] = u16(data, at) >> 4 & 0xFF
    row["ttl"] = u8(data, at + 7)
    return 0


@kernel(_SIGNATURE, borrow=True)
def decode_frames(
    data: Bytes,
    frames: NDArray[np.void],
    begin: int,
    located: NDArray[np.int64],
    inner: bool,
    home: Ranges,
    tops: Bytes,
    kinds: Bytes,
    rows: NDArray[np.void],
    ids: NDArray[np.uint16],
    names: Bytes,
    used: int,
    counts: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Decode frames from index `begin` on: (index of the first frame not done, rows written, bytes used in `names`).

    Of tunnels, `inner` takes the innermost packet that parses and fits, at most DEPTH tunnels deep: an inner packet
    must end within the outer one, unless that is the first of several fragments. Where the inner one does not, the
    outer is the row.

    Stops before the end only where `names` may have no room for another name. `located`: for each frame from `begin` on
    whose link type is not in `link.FAST`, in order: layer (see `link.find_ip`; or minus a reason), position, end,
    direction. `home`, `tops`: see HomeNets. `counts`: by reason, added to; index 0 is a waste bin. `rows` has room for a
    row a frame, and one more that is zero; `ids` as many: the identification of each row's IP header.
    """
    count = 0
    slow = 0
    blank = len(rows) - 1
    for i in range(begin, len(frames)):
        if used + MOST_NAME > len(names):
            return i, count, used
        frame = frames[i]
        start = frame["offset"]
        end = start + np.int64(frame["captured"])
        wire_end = max(start + np.int64(frame["length"]), end)
        at = start
        cooked = UNKNOWN
        link = frame["link"]
        layer = FIRST_LAYER[link] if link < len(FIRST_LAYER) else -1
        if layer < 0:
            layer, at, end = located[slow, 0], located[slow, 1], located[slow, 2]
            cooked = located[slow, 3]
            slow += 1
        if start < 0 or at < start or end > len(data) or at > end:
            counts[FRAME_BOUNDS] += 1
            continue
        if layer <= 0:
            counts[-layer] += 1
            continue
        if layer == ETHERNET and at + 14 <= end and (u16(data, at + 12) == IPV4 or u16(data, at + 12) == IPV6):
            at, vlan, seen = at + 14, 0, UNKNOWN  # nearly all: what the walk would find
        else:
            at, vlan, seen = find_ip(data, at, end, layer, kinds)
        if at < 0:
            counts[-at] += 1
            continue
        protocol, behind, ip_end, known, flaw = ip_packet(data, at, end, wire_end)
        too_long = ip_end > wire_end
        depth = 0
        while inner and protocol >= 0 and protocol != TCP:
            limit = min(end, ip_end)
            inside, layer = tunnel_payload(data, protocol, behind, limit)
            if inside < 0:
                break
            inside, _, _ = find_ip(data, inside, limit, layer, kinds)
            if inside < 0:
                break
            protocol_in, behind_in, end_in, known_in, flaw_in = ip_packet(data, inside, limit, ip_end)
            if protocol_in < 0 and protocol_in != -FRAGMENT:
                break
            if end_in > ip_end and known & FIRST_FRAGMENT == 0:
                break
            depth += 1
            if depth > DEPTH:
                break
            at, end, protocol, behind, ip_end, known, flaw = (
                inside,
                limit,
                protocol_in,
                behind_in,
                end_in,
                known_in,
                flaw_in,
            )
        if protocol < 0:
            counts[-protocol] += 1
            continue
        counts[IP_LENGTH] += too_long
        counts[flaw] += 1
        if depth:
            known |= TUNNEL
            counts[TUNNEL_TOO_DEEP] += depth > DEPTH
        rows[count] = rows[blank]
        row = rows[count]
        row["ts"] = frame["ts"]
        row["frame_length"] = frame["length"]
        row["ip_length"] = ip_end - at
        row["protocol"] = protocol
        row["vlan"] = vlan
        ids[count] = ip_fields(data, at, row)
        end = min(end, ip_end)
        known |= transport(data, behind, end, ip_end, known, row, counts)
        sport, dport = row["sport"], row["dport"]
        if protocol == ICMP or protocol == ICMP6:
            known |= icmp_message(data, behind, end, row)
        elif sport == DNS_PORT or dport == DNS_PORT or sport == MDNS_PORT or dport == MDNS_PORT:
            more, used = dns_message(data, behind, end, known, row, names, used, counts)
            known |= more
        row["present"] = known
        if frame["direction"] != UNKNOWN:
            row["direction"] = frame["direction"]
        elif cooked != UNKNOWN or seen != UNKNOWN:
            row["direction"] = max(cooked, seen)
        else:
            row["direction"] = home_direction(home, tops, row)
        count += 1
    return len(frames), count, used
