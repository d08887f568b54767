"""Numbers of Linux's packet sockets: <linux/if_packet.h>, <linux/filter.h>, <linux/if_arp.h>; see packet(7).

Fields of the ring are in the byte order of the machine. Offsets are of TPACKET_V3.
"""

from __future__ import annotations

import struct

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_RESERVE = 1, 5, 6, 10, 12
PACKET_FANOUT, PACKET_FANOUT_HASH, FANOUT_UNIQUE = 18, 0, 0x2000
PACKET_MR_PROMISC = 1
TPACKET_V3 = 2
SO_ATTACH_FILTER = 26

PACKET_OUTGOING = 4
"""sockaddr_ll.sll_pkttype: 0 to us, 1 broadcast, 2 multicast, 3 to another host, 4 from us."""

REQUEST = struct.Struct("=7I")
"""struct tpacket_req3: size of a block, blocks, size of a frame, frames, ms to retire a block, bytes of ours, features."""
STATISTICS = struct.Struct("=3I")
"""struct tpacket_stats_v3: packets (dropped ones included), dropped, times that the queue froze; since last asked."""
MEMBERSHIP = struct.Struct("=iHH8s")
"""struct packet_mreq: interface, kind, length of an address, address."""
ADDRESS_TO_BIND = struct.Struct("=HHi12x")
"""struct sockaddr_ll: family, protocol in network order, interface."""
INSTRUCTION = struct.Struct("=HBBI")
"""struct sock_filter: code, jump if true, jump if false, operand."""

# struct tpacket_block_desc
BLOCK_STATUS, BLOCK_PACKETS, BLOCK_FIRST = 8, 12, 16  # BLOCK_FIRST: offset of the first packet in the block
STATUS_USER = 1
# struct tpacket3_hdr
NEXT, SEC, NSEC, CAPTURED, LENGTH, STATUS, MAC_NET, TCI, TPID = 0, 4, 8, 12, 16, 20, 24, 32, 36
VLAN_VALID, VLAN_TPID_VALID = 1 << 4, 1 << 6
# struct sockaddr_ll, which follows the header
ADDRESS = 48
PROTOCOL, IFINDEX, HATYPE, PKTTYPE = ADDRESS + 2, ADDRESS + 4, ADDRESS + 8, ADDRESS + 10
LEAST_FRAME = 96
"""Bytes that a packet takes in a block at least: its header, its address and room for a link-layer header."""

ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
LINKS = {ARPHRD_ETHER: 1, ARPHRD_LOOPBACK: 1, 801: 105, 802: 119, 803: 127}
"""Hardware type of an interface to link type of its frames (LINKTYPE_*). Of all others only what follows the link-layer
header is taken: raw IP."""
RAW = 101
EN10MB = 1
