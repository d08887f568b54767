"""What a producer tells Prometheus."""

from __future__ import annotations

import urllib.request

import pytest

from producers.metrics import Metrics
from tests.services.places import free_port


def test_counters_are_served_until_the_end() -> None:
    metrics = Metrics()
    metrics.headers.inc(3)
    metrics.dropped.labels("arp").set(2)
    port = free_port()
    end = metrics.serve(port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert "wireverdict_capture_headers_total 3.0" in text
    assert 'wireverdict_capture_dropped{reason="arp"} 2.0' in text
    end()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
