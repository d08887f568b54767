"""Names become digits, the same for every sensor with the key, and only those."""

from __future__ import annotations

import numpy as np
from Cryptodome.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.privacy.names import DIGITS, NameHash, wire_hash

KEY = bytes(range(16))
HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=20)


def fnv(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    state = 0xCBF29CE484222325
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return state


@given(st.binary(min_size=16, max_size=16), HASHES)
def test_the_digits_are_the_cipher_of_the_hash(key: bytes, hashes: list[int]) -> None:
    seen, texts = NameHash(key).map(np.array(hashes, np.uint64))
    cipher = AES.new(key, AES.MODE_ECB)
    expected = [cipher.encrypt(value.to_bytes(8, "big") + bytes(8))[:8].hex() for value in hashes]
    assert [row.tobytes().decode() for row in texts] == expected
    assert texts.shape == (len(hashes), DIGITS)
    assert seen.tolist() == [fnv(b"\x10" + text.encode() + b"\0") for text in expected]


def test_one_name_is_found_again() -> None:
    names = NameHash(KEY)
    _, texts = names.map(np.array([fnv(b"\x03www\x07example\x03com\0"), fnv(b"\0")], np.uint64))
    assert [names.name("www.example.com"), names.name("")] == [row.tobytes().decode() for row in texts]
    assert names.name("WWW.Example.COM.") == names.name("www.example.com")
    assert names.name("www.example.org") != names.name("www.example.com")
    assert NameHash(KEY[::-1]).name("www.example.com") != names.name("www.example.com")


def test_hashes_are_those_of_the_new_names() -> None:
    texts = np.frombuffer(b"0123456789abcdef" * 2, np.uint8).reshape(2, 16)
    assert wire_hash(texts).tolist() == 2 * [fnv(b"\x100123456789abcdef\0")]
