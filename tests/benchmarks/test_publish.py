"""What the measurements of the bus are made of."""

from __future__ import annotations

import pytest

from benchmarks import publish
from tests.cli.program import DEMO
from tests.services.places import once

pytestmark = pytest.mark.services


def test_the_codec_is_measured_on_what_a_producer_sends() -> None:
    batches = publish.messages(DEMO, 2, 5_000)
    found = publish.codec(batches, 1)
    assert found.headers == sum(len(batch.rows) for batch in batches) >= 5_000
    assert 5 < found.size < 200
    assert min(found.encode, found.decode) > 0


def test_a_capture_is_published() -> None:
    wall, cpu, headers = publish.publish(DEMO, once("kafka")["servers"], 2)
    assert headers == 16_988
    assert wall > 0
    assert cpu > 0
