from __future__ import annotations

from producers.live.errors import LiveError


def test_the_message_is_the_sentence() -> None:
    error = LiveError("there is no interface")
    assert isinstance(error, OSError)
    assert str(error) == "there is no interface"
