"""How a header batch is laid out as Arrow: a table of flows, a table of kinds of packets, three lists with a number for each
packet, and tables of what differs from what was to be expected.

A message is one Arrow record batch with one row. Its columns, since schema version 2:

- ``start`` (ns) and ``unit`` (ns): packet i was at start + unit * (sum of ``step`` up to and with i); ``behind``: how far the
  sensor's clock was ahead of the packet's time, in ``unit``; left out where it never was.
- ``flow`` and ``kind``: for each packet its entry in ``flows`` (addresses and ports as its first packet here had them) and in
  ``kinds`` (KIND, what few packets differ in), counted from 0.
- ``changes`` and ``far``: lists of (``skip``, ``field``, ``by``), in order of packets. ``skip``: packets between this entry's
  and that of the entry before (or packet 0): the sums tell the packet. ``field``: the place of a name in COLUMNS. ``by``:
  what that field is off by; without an entry 0. ``far`` has those that do not fit into 16 bits. An entry with ``by`` 0 only
  carries ``skip``.
- ``questions``: list of QUESTION with names, and ``quotes``: list of QUOTE, which the fields `question` and `quote` point
  to, counted from 1; left out where there are none.

``ip_length`` is a difference from that of the packet before of its kind; ``seq``, ``ack``, ``tsval``, ``tsecr``, ``window``,
``dns_id`` and the SACK edges from what the flow's packets before let expect (`wireverdict.codec.predict`), modulo 2^32
(2^16: ``window``, ``dns_id``); a flow's first packet is compared with zeros. Everything else can be read as it is. Most
differences are 0.

Version 1 had a list with a number for each packet for each of COLUMNS, ``ip_length`` as it was, and in ``flows`` the numbers of
a flow's first packet, from which its differences began. It is still read.
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
"""Rows of the kernels' matrix of 32-bit numbers, and what `field` counts (from 0)."""
MOST = 1 << 16
"""Headers in a batch, at most: what keeps a hostile message from asking for memory."""

FLOW = np.dtype(
    [
        ("src_hi", "<u8"),
        ("src_lo", "<u8"),
        ("dst_hi", "<u8"),
        ("dst_lo", "<u8"),
        ("seq", "<u4"),  # from here on only in version 1, of its first packet here; ports in both
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
ENDS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport")
"""Fields of FLOW in a message of version 2."""
CHANGE = np.dtype([("skip", "u1"), ("field", "u1"), ("by", "<i2")])
FAR = np.dtype([("skip", "u1"), ("field", "u1"), ("by", "<i4")])
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
    ],
    align=True,
)
