"""Elasticsearch: conformance against the real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.elasticsearch import options
from tests.sinks.conformance import HttpConformance
from tests.sinks.front import Answer, Request
from tests.sinks.made import connection_documents, verdict_document
from tests.sinks.searching import Search
from wireverdict.sinking import ElasticsearchSettings

pytestmark = pytest.mark.services


@pytest.fixture
def stage() -> Iterator[Search]:
    made = Search("elasticsearch")
    yield made
    made.front.close()


class TestElasticsearch(HttpConformance):
    pass


def test_steps_of_a_verdict_and_its_latest_state(stage: Search) -> None:
    sink = stage.sink()
    sink.open()
    steps = [verdict_document(0, step, at) for step, at in (("fired", 1), ("escalated", 3), ("resolved", 9))]
    other = verdict_document(1)
    sink.write([*steps, other])
    sink.write(steps[:2])  # again, and late
    assert len(stage.found(f"logs-wireverdict.verdict-{stage.namespace}")) == 4
    latest = stage.found(f"wireverdict-incidents-{stage.namespace}")
    told = {name: source["wireverdict"]["step"] for name, (source,) in latest.items()}
    incident = steps[0].value()["wireverdict"]["incident"]
    assert told == {f"{incident}-gw": "resolved", f"{other.value()['wireverdict']['incident']}-gw": "fired"}
    sink.close()


def test_a_request_that_is_too_large_is_halved(stage: Search) -> None:
    sink = stage.sink()
    sink.open()
    made = [*connection_documents(20), verdict_document()]
    upstream = stage.front.upstream

    def small(request: Request) -> Answer:
        return Answer(413, b"too large") if len(request.body) > 12_000 else upstream(request)

    stage.front.upstream = small
    huge = verdict_document(5, reason="x" * 12_000)
    refused = list(sink.write([*made[:10], huge, *made[10:]]))
    assert [each.document for each in refused] == [huge]
    assert "413" in refused[0].reason
    assert stage.arrived() == {document.id: 1 for document in made}
    sink.close()


def test_documents_are_as_they_were_written(stage: Search) -> None:
    sink = stage.sink()
    sink.open()
    made = [*connection_documents(50), verdict_document()]
    sink.write(made)
    found = {kind: stage.found(f"logs-wireverdict.{kind}-{stage.namespace}") for kind in sink.wants}
    for document in made:
        (source,) = found[document.kind][document.id]
        assert source == document.value()
    sink.close()


def test_options_of_the_client(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc\n")
    made = options(
        ElasticsearchSettings(
            urls=("https://a:9200",), username="u", password_file=str(tmp_path / "key"), ca_file="/ca"
        )
    )
    assert made["ca_certs"] == "/ca"
    assert made["verify_certs"] is True
    assert ("u", "abc") in made.values()
    assert made["max_retries"] == 0
