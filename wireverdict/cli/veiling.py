"""The privacy that settings ask for, with its key from a file or the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wireverdict.privacy.settings import PrivacySettings

if TYPE_CHECKING:
    from wireverdict.privacy.key import Key
    from wireverdict.privacy.veil import Veil

LOGGER = "wireverdict.privacy"
ANONYMOUS = {"addresses": "crypto-pan", "names": "hashed"}
"""Settings of section privacy that ``--anonymise`` stands for."""
VARIABLE = "WIREVERDICT_PRIVACY_KEY"


def open_veil(settings: PrivacySettings, environment: Mapping[str, str]) -> Veil | None:
    """What headers are to go through; None if they may stay as they are. Raises ValueError (KeyRefused) with a sentence."""
    if settings.addresses == settings.names == "clear":
        return None
    try:
        from wireverdict.privacy.veil import Veil
    except ImportError:
        raise ValueError(
            "anonymising needs pycryptodomex: install it with pip install 'wireverdict[privacy]'"
        ) from None
    import logging

    veil = Veil(settings, read_key(settings, environment))
    logging.getLogger(LOGGER).info("headers are anonymised: %r", veil)
    return veil


def read_key(settings: PrivacySettings, environment: Mapping[str, str]) -> Key:
    """From the file of the settings or else from the environment. Raises ValueError (KeyRefused)."""
    import logging

    from wireverdict.privacy.key import Key

    if settings.key_file:
        path = Path(settings.key_file)
        try:
            if path.stat().st_mode & 0o004:
                logging.getLogger(LOGGER).warning(
                    "everybody on this host may read the privacy key in %s: chmod 600", path
                )
            return Key(path.read_text(encoding="ascii", errors="replace"), str(path))
        except OSError as error:
            raise ValueError(f"cannot read the privacy key in {path}: {error.strerror}") from None
    if VARIABLE not in environment:
        raise ValueError(
            f"anonymising needs a key: set privacy.key_file or the environment variable {VARIABLE} "
            "(64 hexadecimal digits: openssl rand -hex 32)"
        )
    return Key(environment[VARIABLE], f"environment variable {VARIABLE}")
