"""A pager that takes events as PagerDuty's Events API v2 does, and remembers each page's life."""

from __future__ import annotations

import json
from collections import defaultdict

from tests.sinks.conformance import SECRET
from tests.sinks.front import Answer, Front, Request


class Desk:
    """`lives`: what was said under each key, in order. `alerts`: how often somebody was woken, which is by a trigger for a key
    without an open alert. `stray`: ends of what never began."""

    def __init__(self) -> None:
        self.lives: dict[str, list[str]] = defaultdict(list)
        self.summaries: dict[str, str] = {}
        self.details: dict[str, str] = {}
        self.alerts = 0
        self.stray = 0
        self.front = Front(self.take)

    def take(self, request: Request) -> Answer:
        event = json.loads(request.body)
        if request.path != "/v2/enqueue" or event["routing_key"] != SECRET:
            return Answer(400, b'{"status":"invalid event"}')
        key, action = event["dedup_key"], event["event_action"]
        is_open = self.lives[key][-1:] == ["trigger"]
        self.alerts += action == "trigger" and not is_open
        self.stray += action == "resolve" and not self.lives[key]
        self.lives[key].append(action)
        self.summaries[key] = event["payload"]["summary"]
        self.details[key] = event["payload"]["custom_details"]["text"]
        return Answer(202, b'{"status":"success"}', {"Content-Type": "application/json"})

    @property
    def open(self) -> int:
        return sum(life[-1:] == ["trigger"] for life in self.lives.values())
