"""Chat by Apprise, to a server that speaks the protocol of one of its services (json://)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.apprise import Chat
from sinks.base import Sink, Unavailable
from sinks.wording import notice
from tests.sinks.conformance import SECRET, HttpConformance, Stage
from tests.sinks.front import Answer, Front, Request
from tests.sinks.made import page_document, verdict_document
from wireverdict.sinking import AppriseSettings

TITLES = {notice(page_document(number)).title: page_document(number).id for number in range(10)}


class Room(Stage):
    """Whoever reads there sees titles; the same title again is the same message to them."""

    def __init__(self) -> None:
        self.front = Front(self.take)
        self.messages: list[dict[str, str]] = []

    def take(self, request: Request) -> Answer:
        self.messages.append(json.loads(request.body))
        return Answer(200)

    def url(self, path: str = "") -> str:
        return f"json://u:{SECRET}@127.0.0.1:{self.front.port}/{path}"

    def sink(self) -> Sink:
        return Chat(AppriseSettings(urls=(self.url(),), timeout=2.0))

    def arrived(self) -> Counter[str]:
        return Counter(TITLES[title] for title in {message["title"] for message in self.messages})


@pytest.fixture
def stage() -> Iterator[Room]:
    made = Room()
    yield made
    made.front.close()


class TestApprise(HttpConformance):
    hears_retry_after = False  # Apprise tells only whether a service took the message


def test_the_message(stage: Room) -> None:
    sink = stage.sink()
    sink.open()
    sink.write([verdict_document(0), verdict_document(0, "resolved", 9)])
    assert [message["type"] for message in stage.messages] == ["failure", "success"]
    assert stage.messages[0]["message"] == notice(verdict_document(0)).text


def test_a_service_that_fails_is_tried_again_alone(stage: Room) -> None:
    other = Front(lambda request: Answer(200))
    urls = (stage.url(), f"json://127.0.0.1:{other.port}/")
    sink = Chat(AppriseSettings(urls=urls, timeout=2.0))
    sink.open()
    other.faults = [Answer(503)]
    document = verdict_document(0)
    with pytest.raises(Unavailable, match="service 2 of 2") as told:
        sink.write([document])
    assert told.value.rest == [document]
    assert SECRET not in str(told.value)
    assert list(sink.write([document])) == []
    assert (len(stage.messages), len(other.requests)) == (1, 2)
    other.close()


def test_urls_from_a_file(stage: Room, tmp_path: Path) -> None:
    file = tmp_path / "urls"
    sink = Chat(AppriseSettings(urls_file=str(file), timeout=2.0))
    with pytest.raises(Unavailable):
        sink.open()
    file.write_text(f"{stage.url('a')}\n{stage.url('b')}\n")
    sink.open()
    sink.write([verdict_document(0)])
    assert [request.path for request in stage.front.requests] == ["/a", "/b"]


def test_urls_that_are_none_are_told_without_their_secrets() -> None:
    with pytest.raises(ValueError, match=r"URL 1 of sinks.apprise is none that Apprise knows") as told:
        Chat(AppriseSettings(urls=(f"nosuch://{SECRET}",)))
    assert SECRET not in str(told.value)
    with pytest.raises(ValueError, match="must be set"):
        Chat(AppriseSettings())


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#network",
        "workflows://host.example:443/643a18a6f8d143f5a6f8/CvKM2jBJ8wD1cK9q3",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "ntfy://user:pass@ntfy.example.com/network",
        "mailtos://user:pass@mail.example.com?from=a@example.com&to=b@example.com",
    ],
    ids=["Slack", "Teams", "Discord", "ntfy", "e-mail"],
)
def test_services_that_the_documentation_names_are_known(url: str) -> None:
    Chat(AppriseSettings(urls=(url,))).open()
