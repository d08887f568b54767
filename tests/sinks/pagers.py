"""Services of others as they speak: they keep what they were told, by the identity that they themselves go by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from sinks.base import Document, Kind, Sink
from sinks.wording import notice
from tests.sinks.conformance import SECRET, Stage
from tests.sinks.front import Answer, Front, Request
from tests.sinks.made import page_document, verdict_document

KEYS = {notice(made(number)).key: made(number).id for made in (page_document, verdict_document) for number in range(10)}


class Service(Stage):
    """`take` is the service's part: it changes `state` (key: what is known of it)."""

    def __init__(self, make: Callable[[str], Sink]) -> None:
        self.state: dict[str, Any] = {}
        self.front = Front(self.take)
        self._make = make

    def sink(self) -> Sink:
        return self._make(self.front.url)

    def arrived(self) -> Counter[str]:
        return Counter(KEYS[key] for key in self.state)

    def take(self, request: Request) -> Answer:
        raise NotImplementedError

    def refusable(self) -> Document:
        good = page_document(90) if Kind.PAGE in self.sink().wants else verdict_document(90)
        return good._replace(id="bad", body=good.body.replace(b"192.0.2.91", b"nonsense"))


class PagerDutyService(Service):
    """Events API v2: 202, or 400 with what is wrong."""

    def take(self, request: Request) -> Answer:
        event = json.loads(request.body)
        if request.path != "/v2/enqueue" or event["routing_key"] != SECRET:
            return Answer(400, b'{"status":"invalid event"}')
        if event["event_action"] not in ("trigger", "resolve") or "nonsense" in event["payload"]["source"]:
            return Answer(400, b'{"status":"invalid event","errors":["source is odd"]}')
        assert event["payload"]["severity"] in ("critical", "error", "warning", "info")
        assert len(event["payload"]["summary"]) <= 1024
        self.state[event["dedup_key"]] = event["event_action"]
        return Answer(202, b'{"status":"success"}', {"Content-Type": "application/json"})


class OpsgenieService(Service):
    """Alert API v2."""

    def take(self, request: Request) -> Answer:
        if request.headers["Authorization"] != f"GenieKey {SECRET}":
            return Answer(403)
        body = json.loads(request.body)
        path, _, query = request.path.partition("?")
        if path == "/v2/alerts":
            if "nonsense" in body["entity"] or len(body["message"]) > 130 or body["priority"] not in ("P1", "P3", "P5"):
                return Answer(422, b"Request body is not processable")
            self.state[body["alias"]] = "open"
            return Answer(202)
        parts = path.split("/")
        assert (parts[1:3], parts[4], query) == (["v2", "alerts"], "close", "identifierType=alias")
        self.state[unquote(parts[3])] = "closed"
        return Answer(202)


class AlertmanagerService(Service):
    """API v2: labels are the identity; one bad alert and none is taken."""

    def take(self, request: Request) -> Answer:
        assert request.path == "/api/v2/alerts"
        alerts = json.loads(request.body)
        if any("nonsense" in alert["labels"]["subject"] for alert in alerts):
            return Answer(400, b"bad label")
        for alert in alerts:
            assert alert["labels"]["alertname"]
            labels = alert["labels"]
            self.state[f"wireverdict-{labels['fingerprint']}-{labels['sensor']}"] = alert
        return Answer(200)


class SplunkService(Service):
    """HEC: objects one after the other; a bad one refuses the request. Whoever searches goes by event.id."""

    def take(self, request: Request) -> Answer:
        if request.headers["Authorization"] != f"Splunk {SECRET}":
            return Answer(403, b'{"text":"Invalid token","code":4}')
        events = [json.loads(line) for line in request.body.splitlines()]
        if any(event["event"].get("source", {}).get("ip") == "nonsense" for event in events):
            return Answer(400, b'{"text":"Invalid data format","code":6,"invalid-event-number":0}')
        for event in events:
            assert {"time", "host", "source", "sourcetype", "event"} <= set(event)
            kind = event["sourcetype"].removeprefix("wireverdict:")
            name = event["event"]["event"]["id"] + ("-gw" if kind == "verdict" else "")
            self.state[name] = event
        return Answer(200, b'{"text":"Success","code":0}')

    def arrived(self) -> Counter[str]:
        return Counter(list(self.state))
