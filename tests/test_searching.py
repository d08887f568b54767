"""What the doctor says of Elasticsearch: the real server, behind a door that asks for a login and acts up."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sinks.search import objects
from tests.services.places import free_port, once
from tests.sinks.front import Answer, Front, Request, forward
from wireverdict.searching import Trouble, login, look
from wireverdict.sinking import ElasticsearchSettings

pytestmark = pytest.mark.services
PATHS = [path for path, _ in objects("elasticsearch", ElasticsearchSettings())]


class Door:
    """Lets one user in, has all templates or none, and grants privileges."""

    def __init__(self) -> None:
        self.inside = forward(str(once("elasticsearch")["url"]))
        self.templates, self.granted, self.status = True, True, ""
        self.asked: list[Any] = []

    def __call__(self, request: Request) -> Answer:
        given = request.headers.get("Authorization", "")
        if given not in ("ApiKey good", "Basic " + base64.b64encode(b"sink:good").decode()):
            return Answer(401, b'{"error": "who are you?"}')
        if request.path == "/_security/user/_has_privileges":
            self.asked.append(json.loads(request.body))
            told = {"has_all_requested": self.granted, "cluster": {"monitor": True}}
            told["index"] = {"logs-wireverdict.verdict-x": {"create_doc": self.granted, "index": True}}
            return Answer(200, json.dumps(told).encode())
        if request.path in PATHS:
            return Answer(200, b"{}") if self.templates else Answer(404, b"{}")
        if request.path == "/_cluster/health" and self.status:
            return Answer(200, json.dumps({"status": self.status}).encode())
        return self.inside(request)


@pytest.fixture
def door() -> Iterator[tuple[Door, Front]]:
    made = Door()
    front = Front(made)
    yield made, front
    front.close()


def test_a_server_that_is_as_it_should_be(door: tuple[Door, Front], tmp_path: Path) -> None:
    rules, front = door
    (tmp_path / "key").write_text("good\n", encoding="utf-8")
    away = f"http://127.0.0.1:{free_port()}"
    told = look(ElasticsearchSettings(urls=(away, front.url), api_key_file=str(tmp_path / "key"), namespace="x"), 10.0)
    assert told.startswith(f"{front.url} answers an API key, version ")
    assert told.endswith("templates are there")
    assert rules.asked[0]["index"][0]["names"][0] == "logs-wireverdict.connection-x"
    assert "sink, version" in look(ElasticsearchSettings(urls=(front.url,), username="sink", password="good"), 10.0)


def no_login(settings: dict[str, Any], rules: Door) -> None:
    del settings["api_key"]


def wrong_login(settings: dict[str, Any], rules: Door) -> None:
    settings["api_key"] = "secret-but-wrong"


def no_rights(settings: dict[str, Any], rules: Door) -> None:
    rules.granted = False


def no_templates(settings: dict[str, Any], rules: Door) -> None:
    rules.templates = False


def no_setup(settings: dict[str, Any], rules: Door) -> None:
    rules.templates, settings["setup"] = False, False


def ill(settings: dict[str, Any], rules: Door) -> None:
    rules.status = "red"


def no_file(settings: dict[str, Any], rules: Door) -> None:
    settings["api_key_file"] = "/nowhere/key"


def nobody(settings: dict[str, Any], rules: Door) -> None:
    settings["urls"] = (f"http://127.0.0.1:{free_port()}",)


@pytest.mark.parametrize(
    ("change", "text", "fatal"),
    [
        (no_login, "asks for a login", True),
        (wrong_login, "refuses an API key", True),
        (no_rights, "lacks create_doc on logs-wireverdict.verdict-x", True),
        (no_templates, "the sink puts them when it starts", False),
        (no_setup, "run wireverdict sink setup elasticsearch", True),
        (ill, "status red", False),
        (no_file, "cannot be read", True),
        (nobody, "cannot be reached", True),
    ],
)
def test_what_is_wrong_is_a_sentence(
    door: tuple[Door, Front], change: Callable[[dict[str, Any], Door], None], text: str, fatal: bool
) -> None:
    rules, front = door
    settings: dict[str, Any] = {"urls": (front.url,), "api_key": "good"}
    change(settings, rules)
    with pytest.raises(Trouble, match=text) as told:
        look(ElasticsearchSettings(**settings), 10.0)
    assert told.value.fatal is fatal
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"version": {"number": "7.17.1"}}, "is Elasticsearch 7.17.1; 8.0 is the oldest"),
        ({"version": {"number": "2.19.0", "distribution": "opensearch"}}, "use the section sinks.opensearch"),
        ({"hello": "world"}, "is no Elasticsearch"),
        (["?"], "is no Elasticsearch"),
    ],
)
def test_something_else_that_answers(body: Any, text: str) -> None:
    front = Front(lambda request: Answer(200, json.dumps(body).encode()))
    try:
        with pytest.raises(Trouble, match=text):
            look(ElasticsearchSettings(urls=(front.url,)), 10.0)
    finally:
        front.close()


def test_the_login_is_that_of_the_sink() -> None:
    assert login(ElasticsearchSettings()) == ""
    assert login(ElasticsearchSettings(api_key="k", username="u", password="p")) == "ApiKey k"
    assert login(ElasticsearchSettings(username="u", password="p")) == "Basic dTpw"
