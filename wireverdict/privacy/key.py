"""The key that all of it hangs on, and what is derived from it. It shows itself to nobody."""

from __future__ import annotations

import hashlib
import re

BYTES = 32
_DIGITS = re.compile(r"[0-9A-Fa-f]{64}")


class KeyRefused(ValueError):
    """No usable key; the message says why and never what was given."""


class Key:
    """A secret of 32 bytes. Neither `repr` nor pickling nor a traceback's values show it."""

    __slots__ = ("_secret",)

    def __init__(self, text: str, where: str) -> None:
        """Take 64 hexadecimal digits, white space around them allowed. Raises KeyRefused, which names `where`."""
        digits = text.strip()
        if not _DIGITS.fullmatch(digits):
            raise KeyRefused(
                f"the privacy key in {where} is not 64 hexadecimal digits; make one with: openssl rand -hex {BYTES}"
            )
        self._secret = bytes.fromhex(digits)
        if len(set(self._secret)) == 1:
            raise KeyRefused(
                f"the privacy key in {where} is one byte repeated; make one with: openssl rand -hex {BYTES}"
            )

    def __repr__(self) -> str:
        return f"<privacy key {self.check}>"

    def __reduce__(self) -> str:
        raise TypeError("a privacy key is not to be written anywhere")

    @property
    def addresses(self) -> bytes:
        """For Crypto-PAn, as it is: 16 bytes of AES key, 16 of padding. Other tools given the same key agree."""
        return self._secret

    @property
    def names(self) -> bytes:
        """16 bytes for names: keyed BLAKE2b (RFC 7693), so that they tell nothing of the key."""
        return self._derived(b"wireverdict name", 16)

    @property
    def check(self) -> str:
        """Eight digits to compare the keys of two sensors by; the key cannot be found from them."""
        return self._derived(b"wireverdictcheck", 4).hex()

    def _derived(self, purpose: bytes, size: int) -> bytes:
        return hashlib.blake2b(key=self._secret, person=purpose, digest_size=size).digest()
