from __future__ import annotations

import pytest

from streams.messages import Closing, Incoming, Outgoing, marked
from wireverdict.bus import MARK, BadMessage, Topic

CLOSING = Closing("edge-1", 2, 3, 4, 1_000, 5, 17, ended=True, piece=1, pieces=2, lost={"missing": 3})


def test_an_envelope_comes_back_as_it_was() -> None:
    assert Closing.from_headers(CLOSING.to_headers()) == CLOSING


def test_its_origin_names_partition_offset_and_piece() -> None:
    assert dict(CLOSING.to_headers())["wv-origin"] == b"3:1000:1"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "no schema version"),
        ([("wv-schema", b"new"), ("wv", b"{}")], "no schema version"),
        ([("wv-schema", b"99")], "schema version 99, newer than"),
        ([("wv-schema", b"1")], "unreadable envelope"),
        ([("wv-schema", b"1"), ("wv", b'{"sensor": 1}')], "unreadable envelope"),
    ],
)
def test_anything_else_is_refused_with_a_reason(headers: list[tuple[str, bytes]], reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        Closing.from_headers(headers)


def test_what_comes_of_a_replay_says_so() -> None:
    outputs = [Outgoing(topic, b"k", b"v", [("wv-schema", b"1")]) for topic in (Topic.WINDOWS, Topic.CONNECTIONS)]
    live = Incoming(0, 1, 0, b"k", b"", [("wv-schema", b"1")])
    assert marked(live, outputs) == outputs
    replayed = live._replace(headers=[("wv-schema", b"1"), (MARK, b"last week")])
    assert [out.headers for out in marked(replayed, outputs)] == 2 * [[("wv-schema", b"1"), (MARK, b"last week")]]
