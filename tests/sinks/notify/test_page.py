"""Pages as documents, and in words."""

from __future__ import annotations

import msgspec

from sinks.notify.core import Notifier
from sinks.notify.page import EXAMPLES
from sinks.sample import page_document
from sinks.wording import notice
from tests.sinks.notify.made import NOW, dns, ratio, storm
from wireverdict.notifying import NotifySettings
from wireverdict.verdicts import Severity, Subject


def test_a_page_of_one_is_shaped_as_its_verdict() -> None:
    notifier = Notifier(NotifySettings(wait=0.0))
    notifier.hear(NOW + 20, [dns(0)])
    (page,) = notifier.tell(NOW + 20)
    made = page.document()
    assert made["event"]["dataset"] == "wireverdict.page"
    assert (made["event"]["start"], made["event"]["end"]) == ("2023-11-14T22:13:20Z", "2023-11-14T22:13:30Z")
    assert made["@timestamp"] == "2023-11-14T22:13:40Z"
    assert made["rule"] == {"id": "dns-loss", "name": "DNS queries go unanswered"}
    assert made["observer"] == {"name": "gw"}
    assert (made["wireverdict"]["status"], made["wireverdict"]["step"]) == ("firing", "triggered")
    assert made["wireverdict"]["subject"] == "192.0.2.1 > port 53/udp"


def test_many_in_words_for_a_phone() -> None:
    notifier = Notifier(NotifySettings(wait=0.0, default_inhibitions=False))
    notifier.hear(
        NOW, [dns(number) for number in range(200)] + [ratio(0), storm(0, subject=Subject(source_ip="192.0.2.1"))]
    )
    notifier.hear(NOW, [dns(7, "resolved", 9)])
    (page,) = notifier.tell(NOW)
    words = notice(page_document(page))
    assert words.title == "CRITICAL: DNS queries go unanswered: 201 subjects (dns, retransmission-storm)"
    lines = words.text.splitlines()
    assert "also: retransmission-storm (1), throttling-ratio (1)" in lines
    assert "over: 1 of 202" in lines
    assert any(line.startswith("among them: 192.0.2.") for line in lines)
    assert len(page.document()["wireverdict"]["page"]["examples"]) == EXAMPLES
    assert words.key == page.page.key


def test_what_is_common_to_all_is_said_and_the_worst_comes_first() -> None:
    notifier = Notifier(NotifySettings(wait=0.0))
    mild = dns(0, severity=Severity.WARNING, sensor="a")
    bad = dns(1, sensor="b")
    common = [
        msgspec.structs.replace(trouble, labels={"site": "fra", "host": trouble.sensor}) for trouble in (mild, bad)
    ]
    notifier.hear(NOW, common)
    (page,) = notifier.tell(NOW)
    made = page.document()
    assert made["labels"] == {"site": "fra"}
    assert made["event"]["severity"] == 3
    assert made["wireverdict"]["page"]["examples"][0] == bad.subject
    assert "observer" not in made
    assert "seen by a, b" in notice(page_document(page)).text
