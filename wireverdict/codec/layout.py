"""How a header batch is laid out as Arrow: a table of flows, a table of kinds of packets, and a few columns of small numbers.

A message is one Arrow record batch with one row. Its columns:

- ``start`` (ns) and ``unit`` (ns): packet i was at start + unit * (sum of ``step`` up to and with i); ``behind``: how far the
  sensor's clock was ahead of the packet's time, in ``unit``.
- ``flows``: list of FLOW, an address and port pair each, as its first packet here had them.
- ``kinds``: list of KIND, what few packets differ in.
- a list of numbers with one item a packet for each of COLUMNS. A list that would hold only zeros is left out.
- ``questions``: list of QUESTION and ``quotes``: list of QUOTE, which the columns of that name point to, counted from 1.

``seq``, ``ack``, ``tsval``, ``tsecr``, ``window``, ``dns_id`` and the SACK edges are differences from what the flow's packets
before let expect (`wireverdict.codec.predict`), modulo 2^32; most are zero. Everything else can be read as it is.
"""

from __future__ import annotations

import numpy as np

COLUMNS = (
    "flow",
    "kind",
    "ip_length",
    "seq",
    "ack",
    "tsval",
    "tsecr",
    "window",
    "dns_id",
    "question",
    "sack1_left",
    "sack1_right",
    "sack2_left",
    "sack2_right",
    "quote",
)
"""Rows of the kernels' matrix of 32-bit numbers."""
MOST = 1 << 16
"""Headers in a batch, at most: what keeps a hostile message from asking for memory."""

FLOW = np.dtype(
    [
        ("src_hi", "<u8"),
        ("src_lo", "<u8"),
        ("dst_hi", "<u8"),
        ("dst_lo", "<u8"),
        ("seq", "<u4"),  # of its first packet here, where every difference begins
        ("ack", "<u4"),
        ("tsval", "<u4"),
        ("tsecr", "<u4"),
        ("sport", "<u2"),
        ("dport", "<u2"),
        ("window", "<u2"),
        ("dns_id", "<u2"),
    ]
)
KIND = np.dtype(
    [
        ("present", "<u4"),
        ("overhead", "<u4"),  # ip_length - payload_length
        ("link", "<u4"),  # frame_length - ip_length
        ("tcp_flags", "<u2"),
        ("mss", "<u2"),
        ("dns_flags", "<u2"),
        ("vlan", "<u2"),
        ("protocol", "u1"),
        ("ttl", "u1"),
        ("tos", "u1"),
        ("direction", "u1"),
        ("wscale", "u1"),
        ("icmp_type", "u1"),
        ("icmp_code", "u1"),
        ("reverse", "u1"),  # the packet goes from the flow's dst to its src
        ("pad", "<u4"),
    ]
)
"""Read and written by the kernels as four 64-bit words."""
QUESTION = np.dtype([("hash", "<u8"), ("type", "<u2")])
"""Beside the name."""
QUOTE = np.dtype(
    [
        ("quoted_src_hi", "<u8"),
        ("quoted_src_lo", "<u8"),
        ("quoted_dst_hi", "<u8"),
        ("quoted_dst_lo", "<u8"),
        ("quoted_sport", "<u2"),
        ("quoted_dport", "<u2"),
        ("quoted_protocol", "u1"),
    ]
)
