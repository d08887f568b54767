"""Question names as digits that only who has the key can make from a name.

The pipeline knows a name by its FNV-1a hash, which anybody can compute; so the hash is what is enciphered. AES of one block
is a pseudorandom function of it, and of a whole batch it is one call.
"""

from __future__ import annotations

import numpy as np
from Cryptodome.Cipher import AES
from numpy.typing import NDArray

from wireverdict.kernels.bytes import FNV_OFFSET, FNV_PRIME

DIGITS = 16
"""Length of a hashed name: 64 bits, as many as the hash that the pipeline tells names apart by."""

_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)


class NameHash:
    """The mapping of one key."""

    def __init__(self, key: bytes) -> None:
        """`key`: 16 bytes."""
        self._cipher = AES.new(key, AES.MODE_ECB)

    def map(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """For the hashes of names (`dns_qhash`, shape (n,)) those of the new names, and these: ASCII, uint8 (n, DIGITS)."""
        blocks = np.zeros((len(hashes), 2), ">u8")
        blocks[:, 0] = hashes
        ciphered = np.frombuffer(self._cipher.encrypt(blocks.tobytes()), np.uint8).reshape(-1, 16)
        texts = _HEX[ciphered[:, : DIGITS // 2]].reshape(-1, DIGITS)
        return wire_hash(texts), texts

    def name(self, text: str) -> str:
        """The digits for one name in presentation form (RFC 1035 5.1) without escapes; case and a final dot do not
        matter."""
        labels = [label.encode() for label in text.rstrip(".").lower().split(".") if label]
        wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        _, texts = self.map(np.array([_fnv(np.frombuffer(wire, np.uint8)[None, :])[0]], np.uint64))
        return texts.tobytes().decode()


def wire_hash(texts: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """FNV-1a of names of one label each (uint8 (n, length)) in wire format: what `dns_qhash` would be for them."""
    wire = np.zeros((len(texts), texts.shape[1] + 2), np.uint8)
    wire[:, 0] = texts.shape[1]
    wire[:, 1:-1] = texts
    return _fnv(wire)


def _fnv(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    state = np.full(len(rows), FNV_OFFSET)
    for column in rows.T:
        state = (state ^ column) * FNV_PRIME
    return state
