"""Elasticsearch and OpenSearch as stages: the real server, behind a front that acts up."""

from __future__ import annotations

import itertools
import json
import os
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sinks.base import Document, Sink, Unavailable
from sinks.registry import make
from tests.services.places import once
from tests.sinks.conformance import SECRET, HttpConformance, Stage
from tests.sinks.front import Answer, Front, Request, certified, forward
from tests.sinks.made import connection_documents, verdict_document
from wireverdict.settings import Settings, Source, settings

_numbers = itertools.count()


def chosen(**sections: Any) -> Settings:
    """Settings with [sinks] as given."""
    return settings([Source({"sinks": sections}, lambda key: "test")])


def fetch(url: str, method: str = "GET", body: Any = None) -> Any:
    """JSON from the server."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
        return json.load(answer)


class Search(Stage):
    """A namespace of its own on the run's server."""

    def __init__(self, product: str) -> None:
        self.product = product
        self.url = once(product)["url"]
        self.namespace = f"t{os.getpid()}-{next(_numbers)}"
        self.front = Front(forward(self.url))
        self.timeout = 60.0

    def hurry(self) -> None:
        self.timeout = 5.0

    def settings(self, **changes: Any) -> Settings:
        given = {"urls": [self.front.url], "namespace": self.namespace, "refresh": True, "timeout": self.timeout}
        given |= {"username": "u", "password": SECRET}
        return chosen(**{self.product: given | {"setup": False} | changes})

    def sink(self) -> Sink:
        fetch(f"{self.url}/_cluster/health")
        put_templates(self.product, self.url)
        return make(self.product, self.settings())

    def found(self, index: str) -> dict[str, list[Any]]:
        """Documents by their id; several where several have it."""
        fetch(f"{self.url}/{index}*/_refresh", "POST")
        hits = fetch(f"{self.url}/{index}*/_search?size=10000")["hits"]["hits"]
        made: dict[str, list[Any]] = {}
        for hit in hits:
            made.setdefault(hit["_id"], []).append(hit["_source"])
        return made

    def arrived(self) -> Counter[str]:
        both = [self.found(f"logs-wireverdict.{kind}-{self.namespace}") for kind in ("connection", "verdict")]
        return Counter({name: len(sources) for found in both for name, sources in found.items()})

    def refusable(self) -> Document:
        good = verdict_document(90)
        return good._replace(id="bad", body=good.body.replace(b"192.0.2.91", b"nonsense"))


_put: set[str] = set()


def put_templates(product: str, url: str) -> None:
    """Once in a process."""
    if url not in _put:
        sink = make(product, chosen(**{product: {"urls": [url], "timeout": 30.0}}))
        sink.open()
        sink.close()
        _put.add(url)


class SearchConformance(HttpConformance):
    """For servers that are searched: data streams, and verdicts' latest states."""

    def test_steps_of_a_verdict_and_its_latest_state(self, stage: Search) -> None:
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

    def test_a_request_that_is_too_large_is_halved(self, stage: Search) -> None:
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

    def test_a_certificate_that_nobody_signed_is_not_trusted(self, stage: Search, tmp_path: Path) -> None:
        context, certificate = certified(tmp_path)
        front = Front(forward(stage.url), context)
        made = [*connection_documents(2), verdict_document()]
        stage.sink().close()  # its templates
        stranger = make(stage.product, stage.settings(urls=[front.url]))
        with pytest.raises(Unavailable, match=r"(?i)certificate"):
            stranger.open()
        stranger.close()
        assert front.requests == []
        known = make(stage.product, stage.settings(urls=[front.url], ca_file=certificate))
        known.open()
        assert list(known.write(made)) == []
        assert stage.arrived() == {document.id: 1 for document in made}
        known.close()
        front.close()

    def test_documents_are_as_they_were_written(self, stage: Search) -> None:
        sink = stage.sink()
        sink.open()
        made = [*connection_documents(50), verdict_document()]
        sink.write(made)
        found = {kind: stage.found(f"logs-wireverdict.{kind}-{stage.namespace}") for kind in sink.wants}
        for document in made:
            (source,) = found[document.kind][document.id]
            assert source == document.value()
        sink.close()
