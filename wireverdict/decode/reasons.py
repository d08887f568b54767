"""Why a frame gave no header, and what was wrong with headers that were kept. The names are stable: they are output.

Every frame either gives one row or adds one to exactly one of `SKIPPED`. `FLAWS` count beside that: a row was written,
with what could be salvaged. Kernels use the numbers, people see the names.
"""

from __future__ import annotations

# A frame without a row
ARP = 1  # arp: ARP and RARP
NOT_IP = 2  # not_ip: some other protocol over a link layer that was understood
LINK_CUT = 3  # link_cut: the captured bytes end before the network header begins
LINK_TOO_DEEP = 4  # link_too_deep: more than 16 tags, labels and shims
IP_CUT = 5  # ip_cut: fewer than 20 (IPv4) or 40 (IPv6) bytes of the IP header were captured
IP_VERSION = 6  # ip_version: neither 4 nor 6
IP_HEADER_LENGTH = 7  # ip_header_length: IPv4 header length below 20 bytes
IP_TOTAL_LENGTH = 8  # ip_total_length: IPv4 total length below the header's, and not 0
FRAGMENT = 9  # fragment: not the first of a fragmented packet
FRAME_BOUNDS = 10  # frame_bounds: the frame reaches outside of its buffer

# A row that lacks something
IP_LENGTH = 11  # ip_length: the IP header promises more bytes than the frame had on the wire
IP6_EXTENSION = 12  # ip6_extension: a chain of extension headers longer than the packet, or than 16 headers
TRANSPORT_CUT = 13  # transport_cut: the snap length cut the transport header or its options (CUT is set)
TRANSPORT_SHORT = 14  # transport_short: the IP packet ends inside the transport header
TCP_OFFSET = 15  # tcp_offset: data offset below 20 bytes or beyond the IP packet: ports only
TCP_OPTIONS = 16  # tcp_options: malformed options; those before the fault were used
UDP_LENGTH = 17  # udp_length: length field below 8 or beyond the IP packet; the IP length was used
DNS_MALFORMED = 18  # dns_malformed: UDP port 53, and not a DNS message
DNS_CUT = 19  # dns_cut: the snap length, or fragmentation, cut the DNS header or its first question
MDNS_MALFORMED = 20  # mdns_malformed: UDP port 5353, and not a DNS message
TUNNEL_TOO_DEEP = 21  # tunnel_too_deep: more than 4 tunnels inside each other; the fourth inner packet was taken

SKIPPED = {
    ARP: "arp",
    NOT_IP: "not_ip",
    LINK_CUT: "link_cut",
    LINK_TOO_DEEP: "link_too_deep",
    IP_CUT: "ip_cut",
    IP_VERSION: "ip_version",
    IP_HEADER_LENGTH: "ip_header_length",
    IP_TOTAL_LENGTH: "ip_total_length",
    FRAGMENT: "fragment",
    FRAME_BOUNDS: "frame_bounds",
}
FLAWS = {
    IP_LENGTH: "ip_length",
    IP6_EXTENSION: "ip6_extension",
    TRANSPORT_CUT: "transport_cut",
    TRANSPORT_SHORT: "transport_short",
    TCP_OFFSET: "tcp_offset",
    TCP_OPTIONS: "tcp_options",
    UDP_LENGTH: "udp_length",
    DNS_MALFORMED: "dns_malformed",
    DNS_CUT: "dns_cut",
    MDNS_MALFORMED: "mdns_malformed",
    TUNNEL_TOO_DEEP: "tunnel_too_deep",
}
COUNTERS = 22
"""Length of the array of counters, by reason."""
