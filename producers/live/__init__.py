"""Packets from network interfaces: AF_PACKET with TPACKET_V3 (Linux), read where the kernel writes them."""
