"""What kind of file this is, by its first bytes and never by its name."""

from __future__ import annotations

HEAD = 512
"""Bytes that `compression`, `capture_format` and `describe` look at."""

LEAST = 12
"""Bytes that tell formats apart; the others only help to describe what is no capture."""

_COMPRESSIONS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
)
_PCAP_MAGICS = (0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34, 0xA12B3C4D, 0x1C0001AC, 0x1C0001AB)
_CAPTURES = (
    *((magic.to_bytes(4, order), "pcap") for magic in _PCAP_MAGICS for order in ("big", "little")),
    (b"\x0a\x0d\x0d\x0a", "pcapng"),
    (b"snoop\x00\x00\x00", "snoop"),
)
_CONVERT = "convert it with: editcap -F pcapng FILE OUT.pcapng"
_OTHERS = (
    (b"GMBU", "a Microsoft Network Monitor 2 capture", _CONVERT),
    (b"RTSS", "a Microsoft Network Monitor 1 capture", _CONVERT),
    (b"TRSNIFF data    \x1a", "a Network General Sniffer capture", _CONVERT),
    (b"XCP\x00", "a Sniffer (NetXRay) capture", _CONVERT),
    (b"\x05VNF", "an EtherPeek capture", _CONVERT),
    (b"\x7fver", "an OmniPeek capture", _CONVERT),
    (b"ObserverPktBufferVersion", "a Network Instruments Observer capture", _CONVERT),
    (b"iptrace ", "an AIX iptrace capture", _CONVERT),
    (b"btsnoop\x00", "a Bluetooth capture (btsnoop)", "wireverdict reads IP captures"),
    (b"\xd8\xff\xe0", "an image", "give capture files"),
    (b"\x04\x22\x4d\x18", "compressed with lz4", "pipe it in: lz4 -dc FILE | wireverdict analyze -"),
    (b"\x5d\x00\x00", "compressed with lzma", "pipe it in: xz --format=lzma -dc FILE | wireverdict analyze -"),
    (b"LZIP", "compressed with lzip", "pipe it in: lzip -dc FILE | wireverdict analyze -"),
    (b"\x1f\x9d", "compressed with compress (.Z)", "pipe it in: zcat FILE | wireverdict analyze -"),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"Rar!", "a rar archive", "unpack it first"),
    (b"\x7fELF", "a program", "give capture files"),
    (b"PAR1", "a Parquet file", "give capture files"),
    (b"SQLite format 3", "an SQLite database", "give capture files"),
)
_TEXT = frozenset(range(0x20, 0x7F)) | {9, 10, 13}


def compression(head: bytes) -> str | None:
    """The name of the compression that the bytes begin with, or None."""
    if head[:4].endswith(b"\x2a\x4d\x18") and head[:1] >= b"\x50" and head[:1] <= b"\x5f":
        return "zstd"  # a skippable frame, RFC 8878 section 3.1.2
    return next((name for magic, name in _COMPRESSIONS if head.startswith(magic)), None)


def capture_format(head: bytes) -> str | None:
    """``pcap``, ``pcapng`` or ``snoop``, or None."""
    return next((name for magic, name in _CAPTURES if head.startswith(magic)), None)


def describe(head: bytes) -> str:
    """What bytes that are no capture look like, and what to do, for an error message."""
    for magic, what, remedy in _OTHERS:
        if head.startswith(magic):
            return f"not a pcap, pcapng or snoop capture but {what}; {remedy}"
    if head[257:262] == b"ustar":
        return "not a capture but a tar archive; unpack it first and give the directory"
    if name := compression(head):
        return f"compressed once more ({name}) inside; unpack one layer first"
    if head and _TEXT.issuperset(head):
        return "not a capture: it looks like text; give pcap, pcapng or snoop files"
    return f"not a pcap, pcapng or snoop capture (it begins with {head[:4].hex(' ') or 'nothing'}); {_CONVERT}"
