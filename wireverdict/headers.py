"""The header-event batch: one row for every IP packet that the tracker and the windows are to see.

In the process a batch is one structured array (a row is 168 bytes, read and written together, so it is rows and not
columns in memory); at the bus it becomes Arrow columns (`wireverdict.codec`, with the Kafka issue). A field that a
packet does not have is zero, and `present` says which ones it has: zero never has to be guessed at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58

# `present`: which optional fields hold a value, and how the packet was come by
IPV6 = 1 << 0
PORTS = 1 << 1  # sport/dport (TCP, UDP, UDP-Lite, SCTP, DCCP)
TCP_HEADER = 1 << 2  # seq, ack, tcp_flags, window are whole
TIMESTAMPS = 1 << 3  # tsval, tsecr (RFC 7323)
MSS = 1 << 4
WINDOW_SCALE = 1 << 5  # wscale (only on SYN)
SACK_PERMITTED = 1 << 6
SACK1 = 1 << 7  # sack1_left/right (RFC 2018)
SACK2 = 1 << 8
DSACK = 1 << 9  # the first block reports a duplicate (RFC 2883): below the ACK, or inside the second block
DNS = 1 << 10  # dns_* and name_*: a DNS message on port 53, UDP or TCP
MDNS = 1 << 11  # the same on UDP port 5353 (multicast DNS, RFC 6762); never set together with DNS
QUOTED = 1 << 12  # quoted_*: the packet that an ICMP error is about
FIRST_FRAGMENT = 1 << 13
CUT = 1 << 14  # the snap length cut the transport header or its options
SUPER_PACKET = 1 << 15  # IP total length 0 or over 65,535: sizes come from the frame
TUNNEL = 1 << 16  # addresses are those of an inner packet
QUESTION = 1 << 17  # dns_qtype, dns_qhash, name_* hold a question (a DNS message may have none)
COPY = 1 << 18  # all that counts is as in the TCP packet before it in the capture, under 1 ms ago: captured twice
QUOTED_ONLY = 1 << 19  # a repeat of an ICMP error for the shard of the pair that it quotes: counts as no packet itself

# `tcp_flags`: the low twelve bits of bytes 12 and 13 of the header
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))

HEADER = np.dtype(
    [
        ("ts", "<i8"),  # ns since 1970-01-01 UTC
        ("src_hi", "<u8"),  # addresses as numbers, most significant half first; IPv4 as ::ffff:a.b.c.d
        ("src_lo", "<u8"),
        ("dst_hi", "<u8"),
        ("dst_lo", "<u8"),
        ("dns_qhash", "<u8"),  # FNV-1a, 64 bits, of the lower-case wire-format name
        ("quoted_src_hi", "<u8"),
        ("quoted_src_lo", "<u8"),
        ("quoted_dst_hi", "<u8"),
        ("quoted_dst_lo", "<u8"),
        ("present", "<u4"),
        ("frame_length", "<u4"),  # bytes on the wire, link layer included
        ("ip_length", "<u4"),  # bytes, IP header included, of the (chosen) IP packet
        # bytes after the transport header, by the IP (or UDP) header and not by what was captured; after the IP headers
        # for protocols whose header is not known; 0 where the length of the transport header is not known
        ("payload_length", "<u4"),
        ("seq", "<u4"),
        ("ack", "<u4"),
        ("tsval", "<u4"),
        ("tsecr", "<u4"),
        ("sack1_left", "<u4"),
        ("sack1_right", "<u4"),
        ("sack2_left", "<u4"),
        ("sack2_right", "<u4"),
        ("name_offset", "<u4"),  # of the question name in the batch's `names`
        ("name_length", "<u2"),  # bytes there: presentation form (RFC 1035 5.1), lower case, no final dot; root: empty
        ("sport", "<u2"),
        ("dport", "<u2"),
        ("window", "<u2"),  # as sent, unscaled
        ("tcp_flags", "<u2"),
        ("mss", "<u2"),
        ("dns_id", "<u2"),
        ("dns_flags", "<u2"),  # QR, opcode, AA, TC, RD, RA, AD, CD, RCODE as on the wire
        ("dns_qtype", "<u2"),
        ("quoted_sport", "<u2"),  # of quoted ICMP messages: the type, and the code in quoted_dport
        ("quoted_dport", "<u2"),
        ("vlan", "<u2"),  # outermost VLAN id, 0 for none
        ("protocol", "u1"),  # IANA protocol number of the transport header
        ("ttl", "u1"),
        ("tos", "u1"),  # DSCP and ECN as on the wire (traffic class for IPv6)
        ("direction", "u1"),  # frames.UNKNOWN, IN, OUT
        ("wscale", "u1"),
        ("icmp_type", "u1"),
        ("icmp_code", "u1"),
        ("quoted_protocol", "u1"),
    ],
    align=True,
)


class HeaderBatch(NamedTuple):
    """Headers in order of processing, and the bytes of their DNS question names.

    `rows`: HEADER, shape (n,). `names`: uint8, shape (m,); row i's name is
    ``names[rows["name_offset"][i] :][: rows["name_length"][i]]``. `sampling`: the share of address pairs whose headers were
    kept (wireverdict.sampling).
    """

    rows: NDArray[np.void]
    names: NDArray[np.uint8]
    sampling: float = 1.0


def address(hi: int, lo: int) -> bytes:
    """The 16 bytes of an address held as two numbers."""
    return int(hi).to_bytes(8, "big") + int(lo).to_bytes(8, "big")
