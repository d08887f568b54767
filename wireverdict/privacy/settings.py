"""Settings of privacy."""

from __future__ import annotations

from typing import Literal

import msgspec

KEPT = ("224.0.0.0/3", "ff00::/8")


class PrivacySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is made unreadable before it leaves the host. docs/privacy.md says what that protects from, and what not."""

    addresses: Literal["clear", "crypto-pan"] = "clear"
    """As captured, or each replaced by another such that common prefixes stay common (Crypto-PAn)."""
    names: Literal["clear", "hashed"] = "clear"
    """Names in DNS questions: as captured, or 16 hexadecimal digits that only who has the key can make from a name."""
    key_file: str = ""
    """File with the key: 64 hexadecimal digits (openssl rand -hex 32). Sensors with the same key give the same addresses
    and names. Without a file it is taken from the environment variable WIREVERDICT_PRIVACY_KEY."""
    kept: tuple[str, ...] = KEPT
    """Networks whose addresses stay as they are. Detectors know multicast and broadcast by their addresses, so these
    should stay in the list; for the same addresses as another Crypto-PAn with the same key, leave it empty."""
