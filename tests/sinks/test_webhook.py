"""The webhook: conformance, signature, templates, and where it must not post."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sinks import registry
from sinks.base import Document, Kind, Unavailable
from sinks.runner import Runner
from sinks.webhook import Webhook, fill, signature
from tests.sinks.bus import QUICK, committed, new_bus, send_verdicts, until
from tests.sinks.conformance import SECRET, HttpConformance, Stage
from tests.sinks.front import Answer, Front, Request
from tests.sinks.made import page_document, verdict, verdict_document
from wireverdict.settings import Settings, Source, settings
from wireverdict.sinking import EndpointSettings, SinkSettings, WebhookSettings


class Receiver(Stage):
    """An endpoint that does as the documentation tells: checks the signature, leaves out what it has had."""

    def __init__(self) -> None:
        self.had: Counter[str] = Counter()
        self.front = Front(self.take)

    def take(self, request: Request) -> Answer:
        timestamp = request.headers["Wireverdict-Timestamp"]
        mac = hmac.new(SECRET.encode(), timestamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers["Wireverdict-Signature"], f"v1={mac}"):
            return Answer(401)
        if b"nonsense" in request.body:
            return Answer(422, b"this is no address")
        self.had[request.headers["Idempotency-Key"]] = 1
        return Answer(204)

    def settings(self, **changes: Any) -> WebhookSettings:
        given: dict[str, Any] = {"url": self.front.url + "/hook?token=abc", "secret": SECRET, "timeout": 1.0}
        return WebhookSettings(**(given | {"allow_http": True, "allow_private": True} | changes))

    def sink(self) -> Webhook:
        return Webhook(self.settings())

    def arrived(self) -> Counter[str]:
        return self.had

    def refusable(self) -> Document:
        good = verdict_document(90)
        return good._replace(id="bad", body=good.body.replace(b"192.0.2.91", b"nonsense"))


@pytest.fixture
def stage() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.front.close()


class TestWebhook(HttpConformance):
    pass


def test_the_request(stage: Receiver, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    sink = Webhook(stage.settings(token_file=str(token)), now=lambda: 1_700_000_000.9)
    sink.open()
    document = verdict_document()
    assert list(sink.write([document])) == []
    (request,) = stage.front.requests
    assert (request.method, request.path, request.body) == ("POST", "/hook?token=abc", document.body)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Idempotency-Key"] == document.id
    assert request.headers["Wireverdict-Timestamp"] == "1700000000"
    sink.close()


def test_the_signature_is_that_of_rfc_2104_over_time_and_body() -> None:
    # computed with: printf '%s' '1700000000.{}' | openssl dgst -sha256 -hmac key
    expected = hmac.new(b"key", b"1700000000.{}", "sha256").hexdigest()
    assert signature("key", "1700000000", b"{}") == expected
    assert signature("key", "1700000001", b"{}") != expected
    assert signature("other", "1700000000", b"{}") != expected


def test_a_template_is_filled_with_json() -> None:
    document = {"rule": {"id": 'a "b"'}, "n": 3, "event": {"start": None}}
    made = fill('{"text": ${rule.id}, "n": ${n}, "a": ${event.start}, "b": ${no.such}, "c": ${rule.id.x}}', document)
    assert json.loads(made) == {"text": 'a "b"', "n": 3, "a": None, "b": None, "c": None}


def test_the_template_is_the_body(stage: Receiver) -> None:
    sink = Webhook(stage.settings(template='{"who": ${wireverdict.subject}}', content_type="application/x-test"))
    sink.open()
    sink.write([verdict_document()])
    (request,) = stage.front.requests
    assert json.loads(request.body) == {"who": "192.0.2.1 > port 53/udp"}
    assert request.headers["Content-Type"] == "application/x-test"
    sink.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": ""}, "must be an http or https URL"),
        ({"url": "ftp://example.com/"}, "must be an http or https URL"),
        ({"url": "http://example.com/", "allow_http": False}, "is not https"),
    ],
)
def test_settings_that_cannot_be(stage: Receiver, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Webhook(stage.settings(**changes))


def test_it_gets_pages_if_it_asks_for_them(stage: Receiver) -> None:
    sink = Webhook(stage.settings(pages=True, template='{"text": ${wireverdict.page.subjects}}'))
    assert sink.wants == {Kind.PAGE}
    sink.open()
    document = page_document()
    assert list(sink.write([document])) == []
    (request,) = stage.front.requests
    assert (request.headers["Idempotency-Key"], json.loads(request.body)) == (document.id, {"text": 1})
    sink.close()
    with pytest.raises(ValueError, match="cannot both be set"):
        Webhook(stage.settings(pages=True, connections=True))


def test_private_addresses_are_refused(stage: Receiver) -> None:
    sink = Webhook(stage.settings(allow_private=False))
    sink.open()
    with pytest.raises(Unavailable, match="not public"):
        sink.write([verdict_document()])
    assert stage.front.requests == []
    sink.close()


def test_a_secret_that_cannot_be_read_is_worth_another_try(stage: Receiver, tmp_path: Path) -> None:
    sink = Webhook(stage.settings(secret_file=str(tmp_path / "none")))
    with pytest.raises(Unavailable, match="none"):
        sink.open()
    (tmp_path / "none").write_text(SECRET)
    sink.open()
    assert list(sink.write([verdict_document()])) == []
    sink.close()


def endpoints(*receivers: Receiver) -> SinkSettings:
    """The first as sinks.webhook, and the others as further ones."""
    first, *more = [receiver.settings() for receiver in receivers]
    named = [EndpointSettings(**msgspec.structs.asdict(each), name=f"n{number}") for number, each in enumerate(more)]
    return msgspec.structs.replace(QUICK, webhook=first, webhooks=tuple(named))


def test_further_endpoints_are_sinks_by_name(stage: Receiver) -> None:
    chosen = Settings(sinks=endpoints(stage, stage))
    assert isinstance(registry.make("webhook.n0", chosen), Webhook)
    assert {"webhook", "webhook.n0"} <= set(registry.names(chosen))
    with pytest.raises(ValueError, match=r"nothing of the name 'other'; there are webhook\.n0"):
        registry.make("webhook.other", chosen)
    plain = EndpointSettings(url="http://example.com/", name="n0")
    with pytest.raises(ValueError, match=r"sinks\.webhooks n0\.url is not https"):
        registry.make("webhook.n0", Settings(sinks=msgspec.structs.replace(QUICK, webhooks=(plain,))))
    with pytest.raises(ValueError, match="lower-case letters"):
        EndpointSettings(name="A B")
    given = {"sinks": {"webhooks": [{"name": "chat", "url": "https://a.example/"}]}}
    assert settings([Source(given, str)]).sinks.webhooks[0].url == "https://a.example/"


@pytest.mark.services
def test_an_endpoint_that_is_away_does_not_delay_another(stage: Receiver) -> None:
    other, bus = Receiver(), new_bus()
    names = Counter(send_verdicts(bus, [verdict(number) for number in range(20)]))
    other.front.down()
    stop = threading.Event()
    runner = Runner(["webhook", "webhook.n0"], Settings(bus=bus, sinks=endpoints(stage, other)), stop)
    thread = threading.Thread(target=runner.run)
    thread.start()
    until(lambda: committed(bus, "webhook") == 20)
    assert (stage.had, other.had) == (names, Counter())
    other.front.up()
    until(lambda: committed(bus, "webhook.n0") == 20)
    stop.set()
    thread.join(60)
    assert (stage.had, other.had, runner.failed) == (names, names, {})
    other.front.close()
