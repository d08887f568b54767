"""A receiver that does not read: which host, and how long is too long."""

from __future__ import annotations

import pytest

from tests.detectors.views import Maker
from wireverdict.detectors.zero_window import ZeroWindow
from wireverdict.verdicts import Opinion, Severity
from wireverdict.windows.fields import Count

CLOSED, STALLED = Count.ZERO_WINDOWS, Count.STALL_MS


def test_a_server_that_does_not_read_is_named_with_its_port() -> None:
    maker = Maker().flow("192.0.2.1", "198.51.100.7", 5001, {Count.PAYLOAD_BYTES: 9_000}, {CLOSED: 1, STALLED: 5_000})
    (finding,) = ZeroWindow().judge(maker.view())
    assert finding.opinion is Opinion.BAD
    assert finding.severity is Severity.WARNING
    assert (finding.subject.source_ip, finding.subject.source_port) == ("198.51.100.7", 5001)
    assert finding.evidence["bytes_received"] == 9_000
    assert "The network is not at fault" in finding.remedy


def test_a_client_is_named_without() -> None:
    maker = Maker().flow("192.0.2.1", "198.51.100.7", 5001, {CLOSED: 3, STALLED: 9_000})
    (finding,) = ZeroWindow().judge(maker.view())
    assert finding.subject.text() == "192.0.2.1/tcp"
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize(("stalled", "opinion"), [(1_999, Opinion.GOOD), (2_000, Opinion.BAD)])
def test_brief_closing_is_flow_control(stalled: int, opinion: Opinion) -> None:
    maker = Maker().flow("192.0.2.1", "198.51.100.7", 5001, {CLOSED: 3, STALLED: stalled})
    assert [finding.opinion for finding in ZeroWindow().judge(maker.view())] == [opinion]


def test_many_peers_are_one_finding_by_the_longest() -> None:
    maker = Maker()
    for peer in range(1, 6):
        maker.flow(f"203.0.113.{peer}", "192.0.2.80", 80, {}, {CLOSED: 1, STALLED: 1_000 * peer})
    (finding,) = ZeroWindow().judge(maker.view())
    assert (finding.evidence["stalled_ms"], finding.evidence["peers"]) == (5_000, 5)
