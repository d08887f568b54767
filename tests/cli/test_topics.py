"""``wireverdict topics`` as people run it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.cli.program import run
from tests.services.places import free_port, once

pytestmark = pytest.mark.services


def test_create_then_check() -> None:
    servers, prefix = once("kafka")["servers"], f"t{uuid.uuid4().hex[:10]}"
    settings: dict[str, Any] = {"WIREVERDICT_BUS__PREFIX": prefix, "WIREVERDICT_BUS__PARTITIONS": "2"}
    before = run("topics", "check", "--servers", servers, **settings)
    assert before.status == 2
    assert f"{prefix}.headers is not there; run wireverdict topics create" in before.err
    made = run("topics", "create", "--servers", servers, **settings)
    assert (made.status, made.err) == (0, "")
    assert f"created {prefix}.headers: 2 partitions, delete" in made.out
    after = run("topics", "check", "--servers", servers, **settings)
    assert after == (0, "all topics are there, and as they should be\n", "")
    other = run("topics", "create", "--servers", servers, **{**settings, "WIREVERDICT_BUS__PARTITIONS": "3"})
    assert other.status == 2
    assert f"{prefix}.headers has 2 partitions and 3 are planned" in other.err


def test_a_broker_that_is_not_there() -> None:
    told = run("topics", "check", "--servers", f"127.0.0.1:{free_port()}")
    assert told.status == 2
    assert "no answer from 127.0.0.1" in told.err
