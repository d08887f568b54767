"""The reference's IP packets: headers, extension headers, fragments, and packets inside packets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import dpkt

from tests.decode.reference_link import Short, Skip, Walk, fields, number, take
from wireverdict import headers as h


@dataclass(frozen=True)
class Packet:
    """An IP packet: captured bytes of what follows its headers, and how many there were on the wire."""

    header: bytes
    protocol: int
    body: bytes
    body_length: int
    length: int
    present: int = 0
    flaw: str = ""
    later_fragment: bool = False


def extensions(protocol: int, body: bytes, length: int) -> tuple[int, bytes, int, int, str]:
    """IPv6 extension headers and AH: protocol, captured rest, rest on the wire, bits, flaw."""
    present = 0
    for _ in range(16):
        if protocol not in (0, 43, 44, 51, 60):
            return protocol, body, length, present, ""
        if length < 8:
            return protocol, body, length, present, "ip6_extension"
        if len(body) < 8:
            return protocol, body, length, present, ""
        size = 8 if protocol == 44 else (body[1] + 2) * 4 if protocol == 51 else (body[1] + 1) * 8
        if size > length:
            return protocol, body, length, present, "ip6_extension"
        if size > len(body):
            return protocol, body, length, present, ""
        if protocol == 44:
            fragment = fields(dpkt.ip6.IP6FragmentHeader, body)
            if fragment._frag_off_resv_m >> 3:
                raise Skip("fragment")
            present |= h.FIRST_FRAGMENT * (fragment._frag_off_resv_m & 1)
        protocol, body, length = body[0], body[size:], length - size
    return protocol, body, length, present, "ip6_extension"


def jumbo(body: bytes) -> int:
    options = body[2 : (body[1] + 1) * 8] if len(body) >= 8 else b""
    while len(options) >= 6:
        if options[0] == 0xC2:
            return number(options[2:6])
        options = options[1:] if options[0] == 0 else options[2 + options[1] :]
    return 0


def packet(data: bytes, wire: int) -> Packet:
    """The IP packet that `data` begins with; `wire` bytes were there on the wire."""
    version = data[0] >> 4 if data else None
    if version not in (None, 4, 6):
        raise Skip("ip_version")
    try:
        return packet4(data, wire) if version == 4 else packet6(data, wire)
    except Short:
        raise Skip("ip_cut") from None


def packet4(data: bytes, wire: int) -> Packet:
    ip = fields(dpkt.ip.IP, data)
    size = (ip._v_hl & 15) * 4
    if size < 20:
        raise Skip("ip_header_length")
    present, length = 0, ip.len
    if length == 0:
        present, length = h.SUPER_PACKET, max(wire, size)
    elif length < size:
        raise Skip("ip_total_length")
    body, protocol, rest, flaw = data[size:length], ip.p, length - size, ""
    result = Packet(data[:20], protocol, body, rest, length, present)
    if ip._flags_offset & 0x1FFF:
        return replace(result, later_fragment=True)
    if ip._flags_offset & 0x2000:
        present |= h.FIRST_FRAGMENT
    if protocol == 51:
        try:
            protocol, body, rest, _, flaw = extensions(protocol, body, rest)
        except Skip:  # a fragment header behind AH under IPv4
            return replace(result, later_fragment=True)
    return Packet(data[:20], protocol, body, rest, length, present, flaw)


def packet6(data: bytes, wire: int) -> Packet:
    ip = fields(dpkt.ip6.IP6, data)
    present, length = h.IPV6, 40 + ip.plen
    if ip.plen == 0:
        size = jumbo(data[40:]) if ip.nxt == 0 else 0
        if size > 0xFFFF or wire > 40 + 46:
            present |= h.SUPER_PACKET
            length = 40 + size if size > 0xFFFF else wire
    result = Packet(data[:40], ip.nxt, data[40:length], length - 40, length, present)
    try:
        protocol, body, rest, more, flaw = extensions(ip.nxt, result.body, length - 40)
    except Skip:
        return replace(result, later_fragment=True)
    return Packet(data[:40], protocol, body, rest, length, present | more, flaw)


def gre(data: bytes) -> tuple[str, bytes] | None:
    header = fields(dpkt.gre.GRE, data)
    data = data[4:]
    if header.flags & 7 == 1:
        size = 4 + 4 * bool(header.flags & 0x1000) + 4 * bool(header.flags & 0x80)
        return ("ppp", take(data, size)[1]) if header.p == 0x880B else None
    if header.flags & 0x4007:
        return None
    for bit in (0x8000, 0x2000, 0x1000):
        if header.flags & bit:
            data = take(data, 4)[1]
    if header.p == 0x88BE:
        return "ether", take(data, 8 if header.flags & 0x1000 else 0)[1]
    if header.p == 0x22EB:
        head, rest = take(data, 12)
        return "ether", take(rest, 8 if head[11] & 1 else 0)[1]
    if header.p == 0x883E:
        return "ip", take(data, 4)[1] if data and data[0] >> 4 != 4 else data
    return Walk(b"").by_type(header.p), data


def gtp(data: bytes) -> tuple[str, bytes] | None:
    head, data = take(data, 8)
    if head[0] >> 4 != 3 or head[1] != 255:
        return None
    if head[0] & 7:
        more, data = take(data, 4)
        following = more[3] if head[0] & 4 else 0
        for _ in range(16):
            if not following:
                break
            part, data = take(data, 4 * take(data, 1)[0][0])
            if not part:
                return None
            following = part[-1]
        else:
            return None
    return "ip", data


def teredo(data: bytes) -> tuple[str, bytes] | None:
    if data[:2] == b"\0\1" and len(data) >= 4:
        data = data[13 + data[2] + data[3] :]
    if data[:2] == b"\0\0" and len(data) >= 8:
        data = data[8:]
    return ("ip", data) if len(data) >= 40 and data[0] >> 4 == 6 else None


def over_udp(data: bytes) -> tuple[str, bytes] | None:
    udp, data = fields(dpkt.udp.UDP, data), data[8:]
    if len(data) < 8:
        return None
    if udp.dport in (4789, 8472):
        return ("ether", data[8:]) if data[0] & 8 else None
    if udp.dport == 4754:
        return gre(data)
    if udp.dport == 6635:
        return "mpls", data
    if udp.dport == 4790 and data[0] & 8:
        kind = {0: "ether", 1: "ip", 2: "ip", 3: "ether", 5: "mpls"}.get(data[3])
        return (kind, data[8:]) if kind else None
    if udp.dport == 6081:
        rest = take(data, 8 + (data[0] & 63) * 4)[1]
        return (Walk(b"").by_type(number(data[2:4])), rest) if data[0] >> 6 == 0 else None
    if 2152 in (udp.sport, udp.dport):
        return gtp(data)
    if 3544 in (udp.sport, udp.dport):
        return teredo(data)
    return None


def tunnelled(outer: Packet) -> tuple[str, bytes] | None:
    """What a packet carries: the layer, and the bytes from there on."""
    if outer.protocol in (4, 41):
        return "ip", outer.body
    if outer.protocol == 17:
        return over_udp(outer.body)
    if outer.protocol == 47:
        return gre(outer.body)
    if outer.protocol == 97:
        return "ether", take(outer.body, 2)[1]
    return {137: ("mpls", outer.body), 143: ("ether", outer.body)}.get(outer.protocol)


def inner(outer: Packet) -> Packet | None:
    """The packet inside, if there is one that parses and fits."""
    try:
        found = tunnelled(outer)
        if found is None:
            return None
        walk = Walk(found[1])
        walk.go(found[0])
        wire = len(walk.left) + outer.body_length - len(outer.body)
        result = packet(walk.left, wire)
    except (Short, Skip):
        return None
    return result if result.length <= wire or outer.present & h.FIRST_FRAGMENT else None
