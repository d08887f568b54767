"""The reference's rows: addresses, transport headers, TCP options, quoted flows."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import dpkt

from tests.decode.reference_dns import Question, datagram, stream
from tests.decode.reference_link import number
from tests.decode.reference_packet import Packet
from wireverdict import headers as h

PORTED = (6, 17, 33, 132, 136)


class Fill:
    """The fields of one row from the packet that was chosen."""

    def __init__(self, chosen: Packet) -> None:
        self.packet = chosen
        self.row: dict[str, int] = {}
        self.present = chosen.present
        self.flaws: list[str] = [chosen.flaw] if chosen.flaw else []
        self.name = b""

    def fill(self) -> None:
        ip, row, p = self.packet.header, self.row, self.packet
        row |= {"protocol": p.protocol, "ip_length": p.length}
        if ip[0] >> 4 == 4:
            row |= {"src_lo": 0xFFFF << 32 | number(ip[12:16]), "dst_lo": 0xFFFF << 32 | number(ip[16:20])}
            row |= {"tos": ip[1], "ttl": ip[8]}
        else:
            row |= {"src_hi": number(ip[8:16]), "src_lo": number(ip[16:24])}
            row |= {"dst_hi": number(ip[24:32]), "dst_lo": number(ip[32:40])}
            row |= {"tos": number(ip[:4]) >> 20 & 255, "ttl": ip[7]}
        if p.protocol in PORTED and len(p.body) >= 4:
            row |= {"sport": number(p.body[:2]), "dport": number(p.body[2:4])}
            self.present |= h.PORTS
        {6: self.tcp, 17: self.udp, 33: self.dccp, 132: self.sctp}.get(p.protocol, self.rest)()

    def sized(self, size: int) -> bool:
        """Payload behind a header of `size` bytes; whether the header is whole."""
        if size > self.packet.body_length:
            self.flaws.append("transport_short")
            return False
        self.row["payload_length"] = self.packet.body_length - size
        if size > len(self.packet.body):
            self.flaws.append("transport_cut")
            self.present |= h.CUT
            return False
        return True

    def sctp(self) -> None:
        self.sized(12)

    def dccp(self) -> None:
        body, size = self.packet.body, 0
        if len(body) > 4:
            size = body[4] * 4
        if size < 12 or size > self.packet.body_length:
            size = max(self.packet.body_length, 12)
        self.sized(size)

    def rest(self) -> None:
        protocol = self.packet.protocol
        if protocol in (1, 58, 136):
            self.sized(8)
        else:
            self.row["payload_length"] = self.packet.body_length
        if protocol in (1, 58) and len(self.packet.body) >= 2:
            kind, code = self.packet.body[:2]
            self.row |= {"icmp_type": kind, "icmp_code": code}
            if kind in ((3, 4, 5, 11, 12) if protocol == 1 else (1, 2, 3, 4)):
                self.quoted(self.packet.body[8:])

    def quoted(self, data: bytes) -> None:
        if len(data) < 20 or data[0] >> 4 not in (4, 6) or (data[0] >> 4 == 6 and len(data) < 40):
            return
        first = True
        if data[0] >> 4 == 4:
            size = (data[0] & 15) * 4
            if size < 20:
                return
            protocol, rest = data[9], data[size:]
            self.row |= {"quoted_src_lo": 0xFFFF << 32 | number(data[12:16])}
            self.row |= {"quoted_dst_lo": 0xFFFF << 32 | number(data[16:20])}
            first = not number(data[6:8]) & 0x1FFF
            extended = first and protocol == 51
        else:
            protocol, rest, extended = data[6], data[40:], True
            self.row |= {"quoted_src_hi": number(data[8:16]), "quoted_src_lo": number(data[16:24])}
            self.row |= {"quoted_dst_hi": number(data[24:32]), "quoted_dst_lo": number(data[32:40])}
        if extended:
            for _ in range(16):
                if protocol not in (0, 43, 44, 51, 60) or len(rest) < 8:
                    break
                size = 8 if protocol == 44 else (rest[1] + 2) * 4 if protocol == 51 else (rest[1] + 1) * 8
                if size > len(rest):
                    break
                if protocol == 44 and number(rest[2:4]) >> 3:
                    first = False
                    protocol = rest[0]
                    break
                protocol, rest = rest[0], rest[size:]
        self.present |= h.QUOTED
        self.row["quoted_protocol"] = protocol
        if first and protocol in PORTED and len(rest) >= 4:
            self.row |= {"quoted_sport": number(rest[:2]), "quoted_dport": number(rest[2:4])}
        if first and protocol in (1, 58) and len(rest) >= 2:
            self.row |= {"quoted_sport": rest[0], "quoted_dport": rest[1]}

    def tcp(self) -> None:
        body, total = self.packet.body, self.packet.body_length
        if len(body) < 13:
            self.flaws.append("transport_cut" if total >= 20 else "transport_short")
            self.present |= h.CUT if total >= 20 else 0
            return
        size = (body[12] >> 4) * 4
        if size < 20 or size > total:
            self.flaws.append("transport_short" if total < 20 else "tcp_offset")
            return
        self.row["payload_length"] = total - size
        if len(body) >= 16:
            self.present |= h.TCP_HEADER
            self.row |= {"seq": number(body[4:8]), "ack": number(body[8:12]), "window": number(body[14:16])}
            self.row["tcp_flags"] = number(body[12:14]) & 0xFFF
        if len(body) < size:
            self.flaws.append("transport_cut")
            self.present |= h.CUT
        self.options(body[20:size], size - 20)
        if 53 in (self.row["sport"], self.row["dport"]):
            found = stream(body[size:], self.row["sport"], self.row["dport"])
            if found:
                self.dns(*found, h.DNS)

    def options(self, data: bytes, whole: int) -> None:
        row = self.row
        syn = row.get("tcp_flags", 0) & h.SYN
        at = 0
        while at < len(data) and data[at]:
            kind = data[at]
            if kind == 1:
                at += 1
                continue
            if at + 2 > len(data):
                if at + 2 > whole:
                    self.flaws.append("tcp_options")
                return
            size = data[at + 1]
            if size < 2 or at + size > whole:
                self.flaws.append("tcp_options")
                return
            value = data[at + 2 : at + size]
            if len(value) < size - 2:
                return
            at += size
            if kind == dpkt.tcp.TCP_OPT_TIMESTAMP and size == 10:
                row["tsval"], row["tsecr"] = struct.unpack(">II", value)
                self.present |= h.TIMESTAMPS
            elif kind == dpkt.tcp.TCP_OPT_SACK and size >= 10 and size % 8 == 2 and not self.present & h.SACK1:
                self.sack(list(struct.iter_unpack(">II", value)))
            elif syn and kind == dpkt.tcp.TCP_OPT_MSS and size == 4:
                row["mss"] = number(value)
                self.present |= h.MSS
            elif syn and kind == dpkt.tcp.TCP_OPT_WSCALE and size == 3:
                row["wscale"] = min(value[0], 14)
                self.present |= h.WINDOW_SCALE
            elif syn and kind == dpkt.tcp.TCP_OPT_SACKOK and size == 2:
                self.present |= h.SACK_PERMITTED

    def sack(self, blocks: list[tuple[int, int]]) -> None:
        def covers(low: int, high: int) -> bool:
            return (high - low) % 2**32 < 2**31

        (left, right), others = blocks[0], blocks[1:2]
        self.row |= {"sack1_left": left, "sack1_right": right}
        self.present |= h.SACK1
        if self.row.get("tcp_flags", 0) & h.ACK and covers(right, self.row.get("ack", 0)):
            self.present |= h.DSACK
        for outer_left, outer_right in others:
            self.row |= {"sack2_left": outer_left, "sack2_right": outer_right}
            self.present |= h.SACK2
            if covers(outer_left, left) and covers(right, outer_right):
                self.present |= h.DSACK

    def udp(self) -> None:
        body, total = self.packet.body, self.packet.body_length
        if total < 8:
            self.flaws.append("transport_short")
            return
        end = total
        if len(body) >= 6:
            length = number(body[4:6])
            if 8 <= length <= total:
                end = length
            elif not self.present & h.FIRST_FRAGMENT and not (length == 0 and self.present & h.SUPER_PACKET):
                self.flaws.append("udp_length")
        self.row["payload_length"] = end - 8
        if len(body) < 8:
            self.flaws.append("transport_cut")
            self.present |= h.CUT
            return
        ports = (self.row["sport"], self.row["dport"])
        if 53 in ports or 5353 in ports:
            whole = end - 8 + (0xFFFF if self.present & h.FIRST_FRAGMENT else 0)
            self.dns_datagram(body[8:end], whole, h.DNS if 53 in ports else h.MDNS)

    def dns_datagram(self, data: bytes, whole: int, bit: int) -> None:
        dns, asked, flaw = datagram(data, whole)
        if flaw:
            self.flaws.append("mdns_malformed" if bit == h.MDNS and flaw == "malformed" else f"dns_{flaw}")
        if dns:
            self.dns(dns, asked, bit)

    def dns(self, dns: SimpleNamespace, asked: Question | None, bit: int) -> None:
        self.present |= bit
        self.row |= {"dns_id": dns.id, "dns_flags": dns.op}
        if asked:
            self.present |= h.QUESTION
            self.name = asked.name
            self.row |= {"dns_qhash": asked.digest, "dns_qtype": asked.kind, "name_length": len(asked.name)}
