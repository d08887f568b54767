"""The servers that the sinks are tested against are real ones and start once."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.services.places import once
from tests.services.search import PRODUCTS

pytestmark = pytest.mark.services


@pytest.mark.parametrize("product", list(PRODUCTS))
def test_the_server_of_the_run(product: str) -> None:
    told = once(product)
    assert told == once(product)
    with urllib.request.urlopen(f"{told['url']}/_cluster/health", timeout=10) as answer:
        health = json.load(answer)
    assert health["number_of_nodes"] == 1
    assert health["cluster_name"] == "wireverdict-tests"
