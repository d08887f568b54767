"""Settings of sinks that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from wireverdict.sinking import SinkSettings, WebhookSettings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_documents": 0}, "must be at least 1"),
        ({"batch_bytes": 0}, "must be at least 1"),
        ({"breaker_failures": 0}, "must be at least 1"),
        ({"max_refused": 0}, "must be at least 1"),
        ({"metrics_port": 65_536}, "sinks.metrics_port must be a TCP port"),
        ({"max_refused": 11, "refused_window": 10}, "must not be less than"),
        ({"linger": -1.0}, "linger: 0 s or more"),
        ({"backoff_first": 0.0}, "more than 0 s"),
        ({"breaker_pause": 0.0}, "more than 0 s"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SinkSettings(**changes)


def test_time_outs_of_the_webhook() -> None:
    with pytest.raises(ValueError, match="more than 0 s"):
        WebhookSettings(timeout=0.0)
    assert WebhookSettings(timeout=0.1).allow_private is False
