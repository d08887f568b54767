"""Elasticsearch and OpenSearch as stages: the real server, behind a front that acts up."""

from __future__ import annotations

import itertools
import json
import os
import urllib.request
from collections import Counter
from typing import Any

from sinks.base import Document, Sink
from sinks.registry import make
from tests.services.places import once
from tests.sinks.conformance import SECRET, Stage
from tests.sinks.front import Front, forward
from tests.sinks.made import verdict_document
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

    def settings(self, **changes: Any) -> Settings:
        given = {"urls": [self.front.url], "namespace": self.namespace, "refresh": True, "timeout": 5.0}
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
