"""OpenSearch: conformance against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.opensearch import options
from tests.sinks.searching import Search, SearchConformance
from wireverdict.sinking import OpenSearchSettings

pytestmark = pytest.mark.services


@pytest.fixture
def stage() -> Iterator[Search]:
    made = Search("opensearch")
    yield made
    made.front.close()


class TestOpenSearch(SearchConformance):
    hears_retry_after = False  # the client's errors do not have the answer's headers


def test_options_of_the_client(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc\n")
    given = OpenSearchSettings(
        urls=("https://a:9200",), username="u", password_file=str(tmp_path / "key"), ca_file="/ca"
    )
    made = options(given)
    assert made["ca_certs"] == "/ca"
    assert made["verify_certs"] is True
    assert ("u", "abc") in made.values()
    assert made["max_retries"] == 0
