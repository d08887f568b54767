"""What keeps a live capture from running."""

from __future__ import annotations


class LiveError(OSError):
    """An interface cannot be captured from; the message is a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
