"""What rarer events add to the counts of either side."""

from __future__ import annotations

from typing import Any

import pytest

from tests.windows.made import Script, ip4, play
from wireverdict.connections import notes as n
from wireverdict.headers import QUOTED
from wireverdict.windows.fields import Count


def test_syns_near_the_end_are_undecided() -> None:
    script = Script()
    for k, ts in enumerate((1.0, 5.5, 7.5, 7.6)):
        script.packet(ts, 1, 2, sport=1000 + k, dport=80, slot=k, events=n.NEW | n.SYN_SENT)
    script.packet(8.0, 2, 1, sport=80, dport=1003, slot=3, events=n.FROM_RESPONDER | n.SYN_ANSWERED)
    script.packet(8.9, 3, 4)
    _, (view,) = play(script)
    pair = view.pair(ip4(1), ip4(2))
    assert pair is not None
    told = {name: int(pair[0, name]) for name in (Count.SYN_ATTEMPTS, Count.SYN_ANSWERED, Count.SYN_PENDING)}
    assert told == {Count.SYN_ATTEMPTS: 4, Count.SYN_ANSWERED: 1, Count.SYN_PENDING: 1}


@pytest.mark.parametrize(
    ("fields", "sender", "other"),
    [
        (
            {"events": n.RETRANSMISSION | n.DATA, "payload_length": 9},
            {"RETRANSMISSIONS": 1, "RETRANSMITTED_BYTES": 9},
            {},
        ),
        ({"events": n.OUT_OF_ORDER}, {"OUT_OF_ORDER": 1}, {}),
        ({"events": n.DUPLICATE_ACK}, {"DUPLICATE_ACKS": 1}, {}),
        ({"events": n.SPURIOUS, "spurious": 3}, {}, {"SPURIOUS": 3}),
        ({"events": n.MISSED, "missed": 5}, {}, {"MISSED_BYTES": 5, "MISSED_EVENTS": 1}),
        ({"events": n.ACK_ADVANCED, "acked": 7}, {}, {"ACKED_BYTES": 7}),
        ({"events": n.RST_SEEN}, {"RESETS": 1}, {}),
        ({"events": n.NEW}, {"NEW_FLOWS": 1}, {}),
        ({"events": n.SYN_SENT | n.NEW}, {"NEW_FLOWS": 1, "SYN_ATTEMPTS": 1, "SYN_PACKETS": 1, "SYN_PENDING": 1}, {}),
        ({"events": n.SYN_SENT | n.SYN_RETRY}, {"SYN_PACKETS": 1}, {}),
        ({"events": n.DATA, "age": 10_000}, {"ESTABLISHED": 1}, {}),
        ({"events": n.DATA, "age": 9_999}, {}, {}),
        ({"direction": 1}, {"IN": 1}, {}),
        ({"direction": 2}, {"OUT": 1}, {}),
    ],
)
def test_one_event(fields: dict[str, Any], sender: dict[str, int], other: dict[str, int]) -> None:
    for source, target in ((1, 2), (2, 1)):
        script = Script()
        script.packet(1.0, source, target, sport=1000, dport=80, slot=0, **fields)
        _, (view,) = play(script)
        pair = view.pair(ip4(source), ip4(target))
        assert pair is not None
        usual = {Count.PACKETS, Count.BYTES, Count.DATA_PACKETS, Count.PAYLOAD_BYTES}
        told = [
            {count.name: int(side[count]) for count in Count if side[count] and count not in usual} for side in pair
        ]
        assert told == [sender, other]


@pytest.mark.parametrize(
    ("answer", "counted"),
    [(n.SYN_ANSWERED, Count.SYN_ANSWERED), (n.REFUSED, Count.SYN_REFUSED), (n.UNREACHABLE, Count.SYN_UNREACHABLE)],
)
def test_what_becomes_of_a_syn_counts_once_and_in_its_window(answer: int, counted: Count) -> None:
    script = Script()
    script.packet(9.0, 1, 2, sport=1000, dport=80, slot=0, events=n.NEW | n.SYN_SENT)
    for ts in (11.0, 11.1):
        if answer == n.UNREACHABLE:
            row = script.lines[0][0]
            quoted = {
                f"quoted_{name}": row[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport")
            }
            script.packet(ts, 9, 1, protocol=1, present=QUOTED, quoted_protocol=6, missed=0, events=answer, **quoted)
        else:
            script.packet(ts, 2, 1, sport=80, dport=1000, slot=0, events=n.FROM_RESPONDER | answer)
    _, (first, second) = play(script)
    assert first.services.of(counted).sum() == 1
    assert second.services.of(counted).sum() == 0
    assert first.services.of(Count.SYN_PENDING).sum() == 0
