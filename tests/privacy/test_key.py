"""Keys: what is one, and that it is never shown."""

from __future__ import annotations

import pickle
import traceback

import pytest

from wireverdict.privacy.key import Key, KeyRefused

TEXT = "00112233445566778899aabbccddeeff" * 2


def test_a_key_is_64_digits() -> None:
    key = Key(f"  {TEXT.upper()}\n", "here")
    assert key.addresses == bytes.fromhex(TEXT)
    assert len(key.names) == 16
    assert key.names not in key.addresses


@pytest.mark.parametrize("text", ["", "secret-that-nobody-may-see", TEXT[:-1], TEXT + "0", "00" * 32, TEXT[:-1] + "g"])
def test_others_are_refused_without_being_told(text: str) -> None:
    with pytest.raises(KeyRefused, match=r"the privacy key in /etc/key is .*openssl rand -hex 32") as caught:
        Key(text, "/etc/key")
    told = "".join(traceback.format_exception(caught.value))
    assert not text or text not in told


def test_it_shows_itself_to_nobody() -> None:
    key = Key(TEXT, "here")
    for shown in (repr(key), str(key), f"{key}", repr([key])):
        assert TEXT[:8] not in shown
        assert key.names.hex()[:8] not in shown
    with pytest.raises(TypeError, match="not to be written"):
        pickle.dumps(key)


def test_keys_can_be_compared_by_their_check() -> None:
    assert Key(TEXT, "a").check == Key(TEXT, "b").check
    assert Key(TEXT, "a").check != Key(TEXT.replace("0", "1"), "a").check
    assert Key(TEXT, "a").check not in TEXT
