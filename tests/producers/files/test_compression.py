from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.files import compression
from producers.files.compression import DamagedError, Decompressor

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


def decompress(name: str, content: bytes, view: int = 100) -> bytes:
    reader = Decompressor(name, io.BytesIO(content).read)
    buffer = memoryview(bytearray(view))
    out = b""
    while count := reader.readinto(buffer):
        out += buffer[:count]
    return out


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(COMPRESSORS)),
    members=st.lists(st.binary(max_size=300) | st.integers(0, 3000).map(bytes), min_size=1, max_size=4),
    view=st.integers(1, 500),
    step=st.integers(1, 300),
    padding=st.sampled_from([0, 4, 512]),
)
def test_members_and_steps(name: str, members: list[bytes], view: int, step: int, padding: int) -> None:
    content = b"".join(COMPRESSORS[name](member) for member in members) + bytes(padding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compression, "STEP", step)
        assert decompress(name, content, view) == b"".join(members)


@pytest.mark.parametrize("name", COMPRESSORS)
def test_every_truncation_is_noticed(name: str) -> None:
    content = COMPRESSORS[name](b"some bytes " * 20)
    for cut in range(1, len(content)):
        with pytest.raises(DamagedError, match=rf"the {name} data"):
            decompress(name, content[:cut])


def test_skippable_frames_of_zstd() -> None:
    skip = b"\x53\x2a\x4d\x18\4\0\0\0abcd"
    content = skip + COMPRESSORS["zstd"](b"one") + skip + COMPRESSORS["zstd"](b"two")
    assert decompress("zstd", content) == b"onetwo"


def test_a_window_too_large_gives_the_way_round() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    content = compressor.compress(b"x" * 1000) + compressor.flush()
    with pytest.raises(DamagedError, match=r"zstd --long=31 -dc FILE \| wireverdict analyze -"):
        decompress("zstd", content)


@pytest.mark.parametrize("name", COMPRESSORS)
def test_what_follows_and_is_not_compressed(name: str) -> None:
    with pytest.raises(DamagedError, match=f"not {name}"):
        decompress(name, COMPRESSORS[name](b"abc") + b"this is not")
