"""Elasticsearch: conformance against the real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sinks.base import Unavailable
from sinks.elasticsearch import ElasticsearchSink, options
from tests.services.places import ROOT, once
from tests.services.search import SearchServer, with_api_keys
from tests.sinks.made import connection_documents, verdict_document
from tests.sinks.searching import Search, SearchConformance
from wireverdict.sinking import ElasticsearchSettings

pytestmark = pytest.mark.services


@pytest.fixture
def stage() -> Iterator[Search]:
    made = Search("elasticsearch")
    yield made
    made.front.close()


class TestElasticsearch(SearchConformance):
    pass


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


HASH = "$2a$10$abcdefghijklmnopqrstuuPYrhhrrJfo.bNca6OyC7UWs3qKTYeSK"
"""Of the password wireverdict-tests."""


@pytest.fixture(scope="module")
def secured() -> Iterator[SearchServer]:
    """A server with TLS and two users: one who may do everything, and one with the privileges that docs/sinks.md names."""
    directory = Path(once("elasticsearch")["directory"]) / f"secured-{os.getpid()}"
    config = directory / "config"
    config.mkdir(parents=True)
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made += ["-keyout", f"{config}/key.pem", "-out", f"{config}/certificate.pem"]
    subprocess.run(made, check=True, capture_output=True)
    given = {
        "xpack.security.enabled": "true",
        "xpack.security.http.ssl.enabled": "true",
        "xpack.security.http.ssl.key": f"{config}/key.pem",
        "xpack.security.http.ssl.certificate": f"{config}/certificate.pem",
    }
    server = SearchServer("elasticsearch", directory, given, home=with_api_keys())
    text = (ROOT / "docs" / "sinks.md").read_text(encoding="utf-8")
    described = json.loads(text.partition("POST /_security/api_key")[2].partition("Put what")[0])
    role = described["role_descriptors"]["sink"]
    role["indices"] = role.pop("index")
    (config / "roles.yml").write_text(json.dumps({"sink": role}), encoding="utf-8")
    (config / "users").write_text(f"admin:{HASH}\nsink:{HASH}\n", encoding="utf-8")
    (config / "users_roles").write_text("superuser:admin\nsink:sink\n", encoding="utf-8")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(directory)


def test_tls_passwords_and_the_privileges_that_it_takes(secured: SearchServer, tmp_path: Path) -> None:
    certificate = str(secured.directory / "config" / "certificate.pem")
    file = tmp_path / "password"
    file.write_text("wrong\n")
    common: dict[str, Any] = {"urls": (secured.url,), "namespace": "s", "ca_file": certificate, "refresh": True}
    limited = ElasticsearchSink(ElasticsearchSettings(**common, username="sink", password_file=str(file), setup=False))
    with pytest.raises(Unavailable, match="status 401") as told:
        limited.open()
    assert "wrong" not in str(told.value)
    file.write_text("wireverdict-tests\n")  # put right while the sink waits
    limited.open()
    with pytest.raises(Unavailable, match="status 403"):
        limited.setup()
    admin = ElasticsearchSink(ElasticsearchSettings(**common, username="admin", password="wireverdict-tests"))
    admin.open()
    documents = [*connection_documents(3), verdict_document(0), verdict_document(1)]
    assert list(limited.write(documents)) == []
    assert list(limited.write(documents)) == []
    assert admin._client is not None
    assert admin._client.count(index="logs-wireverdict.*-s")["count"] == 5
    without = ElasticsearchSink(ElasticsearchSettings(urls=(secured.url,), username="admin", password="x"))
    keyed = ElasticsearchSink(ElasticsearchSettings(**common, api_key="bm86c3VjaA=="))
    with pytest.raises(Unavailable, match="TlsError"):
        without.open()
    with pytest.raises(Unavailable, match="status 401"):
        keyed.open()
    for sink in (admin, limited, without, keyed):
        sink.close()


def test_an_api_key_as_the_documentation_makes_it(secured: SearchServer, tmp_path: Path) -> None:
    certificate = str(secured.directory / "config" / "certificate.pem")
    common: dict[str, Any] = {"urls": (secured.url,), "namespace": "k", "ca_file": certificate, "refresh": True}
    admin = ElasticsearchSink(ElasticsearchSettings(**common, username="admin", password="wireverdict-tests"))
    admin.open()  # puts the templates
    text = (ROOT / "docs" / "sinks.md").read_text(encoding="utf-8")
    described = json.loads(text.partition("POST /_security/api_key")[2].partition("Put what")[0])
    assert admin._client is not None
    made = admin._client.security.create_api_key(**described)
    file = tmp_path / "key"
    file.write_text("bm86c3VjaA==\n")
    keyed = ElasticsearchSink(ElasticsearchSettings(**common, api_key_file=str(file), setup=False))
    with pytest.raises(Unavailable, match="status 401"):
        keyed.open()
    file.write_text(made["encoded"] + "\n")
    keyed.open()
    documents = [*connection_documents(3), verdict_document(0)]
    assert list(keyed.write(documents)) == []
    assert list(keyed.write(documents)) == []
    assert admin._client.count(index="logs-wireverdict.*-k")["count"] == 4
    admin._client.security.invalidate_api_key(ids=[made["id"]])
    with pytest.raises(Unavailable, match="status 401"):
        keyed.write([verdict_document(1)])
    for sink in (admin, keyed):
        sink.close()
