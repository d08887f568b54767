"""``wireverdict doctor`` as people run it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.program import run
from tests.services.places import free_port, once

pytestmark = pytest.mark.services


def test_a_line_each_and_a_status() -> None:
    servers = once("kafka")["servers"]
    settings: dict[str, Any] = {"WIREVERDICT_BUS__PREFIX": "doctor", "WIREVERDICT_BUS__PARTITIONS": "1"}
    assert run("topics", "create", "--servers", servers, **settings).status == 0
    told = run("doctor", "--servers", servers, **settings)
    assert (told.status, told.err) == (0, "")
    assert [line.split()[:2] for line in told.out.splitlines()] == [
        ["ok", name] for name in ("codecs", "brokers", "topics", "permissions", "clock")
    ]


def test_what_fails_is_in_the_status_and_in_json() -> None:
    told = run("doctor", "--json", "--timeout", "1", "--servers", f"127.0.0.1:{free_port()}")
    assert told.status == 2
    documents = [json.loads(line) for line in told.out.splitlines()]
    assert [(each["name"], each["status"]) for each in documents] == [("codecs", "ok"), ("brokers", "failed")]
