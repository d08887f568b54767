from __future__ import annotations

from pathlib import Path

import msgspec
import orjson
import pytest

from streams.messages import Closing, Outgoing
from tests.streams import chain as chains
from tests.streams.chain import Chain
from tests.streams.publishing import answer, header_batches, publication
from wireverdict.bus import BadMessage, Topic
from wireverdict.headers import HeaderBatch

DEMO = Path(__file__).resolve().parents[2] / "demo" / "dns-outage.pcap.gz"


@pytest.fixture(scope="module")
def batches() -> list[HeaderBatch]:
    return list(header_batches([DEMO], batch=1_000))


@pytest.fixture
def windows(batches: list[HeaderBatch]) -> list[Outgoing]:
    """What shards say, before anybody has judged it."""
    made = Chain(2)
    made.take(publication(batches, "edge", 2))
    return [output for output in made.sent if output.topic is Topic.WINDOWS]


def verdicts(chain: Chain) -> list[bytes]:
    return sorted(chains.without_observer(out.value) for out in chain.sent if out.topic is Topic.VERDICTS)


def changed(output: Outgoing, **fields: object) -> Outgoing:
    closing = msgspec.structs.replace(Closing.from_headers(output.headers), **fields)
    return output._replace(headers=closing.to_headers())


def pieces(output: Outgoing, size: int) -> list[Outgoing]:
    """A message as it would be sent if less fitted into one."""
    values = [output.value[at : at + size] for at in range(0, len(output.value), size)] or [b""]
    return [
        changed(output._replace(value=value), piece=number, pieces=len(values)) for number, value in enumerate(values)
    ]


def test_a_verdict_names_its_sensor_and_has_an_id_of_its_own(windows: list[Outgoing]) -> None:
    chain = Chain(2)
    for output in windows:
        chain.hand_over(output)
    told = [out for out in chain.sent if out.topic is Topic.VERDICTS]
    for out in told:
        document = orjson.loads(out.value)
        assert document["observer"] == {"name": "edge"}
        assert dict(out.headers)["wv-id"].decode() == f"{document['event']['id']}-edge"
        assert out.key.decode() == document["wireverdict"]["fingerprint"]
    assert len({dict(out.headers)["wv-id"] for out in told}) == len(told) > 0


def test_the_order_of_shards_cannot_change_the_answer(windows: list[Outgoing], batches: list[HeaderBatch]) -> None:
    by_shard = [[o for o in windows if Closing.from_headers(o.headers).shard == shard] for shard in range(2)]
    for order in (by_shard, by_shard[::-1]):
        chain = Chain(2)
        for outputs in order:
            for output in outputs:
                chain.hand_over(output)
        assert verdicts(chain) == answer(batches)[1]


def test_what_is_sent_again_counts_once(windows: list[Outgoing], batches: list[HeaderBatch]) -> None:
    chain = Chain(2)
    for number, output in enumerate(windows):
        for again in windows[max(0, number - 3) : number + 1]:
            chain.hand_over(again)
        chain.hand_over(output)
    assert verdicts(chain) == answer(batches)[1]


def test_large_values_come_in_pieces_and_restarts_may_fall_between_them(
    windows: list[Outgoing], batches: list[HeaderBatch]
) -> None:
    chain = Chain(2)
    for output in windows:
        for piece in pieces(output, 100):
            chain.reload()
            chain.hand_over(piece)
            chain.hand_over(piece)
    assert verdicts(chain) == answer(batches)[1]


def test_the_next_input_of_a_shard_waits_for_the_others(windows: list[Outgoing], batches: list[HeaderBatch]) -> None:
    first = [output for output in windows if Closing.from_headers(output.headers).shard == 0]
    second = [output for output in windows if Closing.from_headers(output.headers).shard == 1]

    def again(outputs: list[Outgoing]) -> list[Outgoing]:
        return [changed(o, epoch=1, offset=Closing.from_headers(o.headers).offset + 1_000) for o in outputs]

    chain = Chain(2)
    for output in [*first, *again(first)]:
        chain.hand_over(output)
        chain.reload()
    assert len(chain.verdicts.benches["edge"].later) == len(first)
    for output in [*second, *again(second)]:
        chain.hand_over(output)
    assert verdicts(chain) == sorted(answer(batches)[1] * 2)
    assert chain.verdicts.open == 0


def test_a_shard_whose_end_was_lost_holds_nobody_up_once_it_speaks_of_its_next_input(
    windows: list[Outgoing], batches: list[HeaderBatch]
) -> None:
    closings = [Closing.from_headers(output.headers) for output in windows]
    lost = next(at for at, closing in enumerate(closings) if closing.ended)
    again = [changed(o, epoch=1, offset=Closing.from_headers(o.headers).offset + 1_000) for o in windows]
    chain = Chain(2)
    for output in [*windows[:lost], *windows[lost + 1 :], *again]:
        chain.hand_over(output)
        chain.reload()
    assert chain.verdicts.open == 0
    assert set(answer(batches)[1]) <= set(verdicts(chain))


def test_whoever_comes_late_begins_with_the_input_that_goes_on(
    windows: list[Outgoing], batches: list[HeaderBatch]
) -> None:
    """All of the inputs before has been forgotten by the topic."""
    chain = Chain(2)
    for output in windows:
        chain.hand_over(changed(output, epoch=7))
    assert verdicts(chain) == answer(batches)[1]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"shard": 2}, "shard 2 of 2"),
        ({"piece": 1, "pieces": 2}, "piece 1 of 2 without those before it"),
        ({"shard": 2, "shards": 3, "offset": 10**9}, "shard 2 of 3, of a sensor that began with 2"),
    ],
)
def test_what_does_not_fit_is_refused(windows: list[Outgoing], fields: dict[str, object], reason: str) -> None:
    chain = Chain(2)
    chain.hand_over(windows[0])
    with pytest.raises(BadMessage, match=reason):
        chain.hand_over(changed(windows[1], **fields))


def test_a_value_that_is_no_window_part_is_refused_and_changes_nothing(
    windows: list[Outgoing], batches: list[HeaderBatch]
) -> None:
    chain = Chain(2)
    for output in windows:
        if output.value:
            with pytest.raises(BadMessage, match="unreadable window parts"):
                chain.hand_over(output._replace(value=b"garbage"))
        chain.hand_over(output)
    assert verdicts(chain) == answer(batches)[1]
