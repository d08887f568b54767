from __future__ import annotations

import bz2
import gzip
import lzma

import pytest
import zstandard

from producers.files.formats import capture_format, compression, describe
from tests.producers.writer import pcap, pcapng, snoop


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (gzip.compress(b"x", mtime=0), "gzip"),
        (zstandard.ZstdCompressor().compress(b"x"), "zstd"),
        (b"\x50\x2a\x4d\x18\4\0\0\0", "zstd"),  # a skippable frame, as pzstd begins
        (b"\x5f\x2a\x4d\x18\4\0\0\0", "zstd"),
        (b"\x60\x2a\x4d\x18\4\0\0\0", None),
        (lzma.compress(b"x"), "xz"),
        (bz2.compress(b"x"), "bzip2"),
        (pcap([]), None),
        (b"", None),
    ],
)
def test_compression(head: bytes, name: str | None) -> None:
    assert compression(head) == name


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (pcap([], magic=0xA1B2C3D4), "pcap"),
        (pcap([], order=">"), "pcap"),
        (pcap([], magic=0xA1B2CD34), "pcap"),
        (pcapng([]), "pcapng"),
        (pcapng([], ">"), "pcapng"),
        (snoop([]), "snoop"),
        (b"snoop", None),
        (b"\x0a\x0d\x0d", None),
        (b"", None),
    ],
)
def test_capture_format(head: bytes, name: str | None) -> None:
    assert capture_format(head) == name


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"RTSS" + bytes(9), "Network Monitor 1 capture; convert it with: editcap"),
        (b"\x04\x22\x4d\x18" + bytes(9), "lz4 -dc FILE | wireverdict analyze -"),
        (bytes(257) + b"ustar  " + bytes(100), "tar archive"),
        (b'{"json": true}\n', "looks like text"),
        (b"\xff\xfe\xfd\xfc", "begins with ff fe fd fc"),
    ],
)
def test_describe(head: bytes, words: str) -> None:
    assert words in describe(head)
