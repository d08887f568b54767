"""Captures as a source: divided, in ranges, and taken up in the middle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from producers.recorded.source import SourceError, open_source
from tests.producers.recorded.collected import DEMO, WITH_QUOTES, everything, story
from tests.streams.publishing import header_batches
from wireverdict.headers import QUOTED_ONLY
from wireverdict.partition import divide
from wireverdict.settings import Settings

SETTINGS = Settings()


def test_whole_it_is_what_the_decoder_gives() -> None:
    found = everything(open_source([str(DEMO)], SETTINGS, sensor="edge"))
    rows = np.concatenate([recorded.batch.rows for recorded in found])
    expected = np.concatenate([batch.rows for batch in header_batches([DEMO], 1 << 20)])
    assert len(rows) == len(expected)
    assert rows["ts"].tolist() == expected["ts"].tolist()
    clock = np.concatenate([recorded.clock for recorded in found[:-1]])
    assert clock.tolist() == np.maximum.accumulate(expected["ts"]).tolist()
    assert [recorded.end for recorded in found] == [False] * (len(found) - 1) + [True]
    assert found[-1].clock.tolist() == [clock[-1]]
    assert {(recorded.sensor, recorded.partition, recorded.partitions) for recorded in found} == {("edge", 0, 1)}


@pytest.mark.parametrize("capture", [DEMO, WITH_QUOTES])
def test_partitions_share_the_headers(capture: Path) -> None:
    source = open_source([str(capture)], SETTINGS, partitions=4)
    found = everything(source)
    for recorded in found:
        assert set(divide(recorded.batch.rows, 4)) <= {recorded.partition}
    shares = [open_source([str(capture)], SETTINGS, partitions=4, share=(i, 2)) for i in range(2)]
    apart = [everything(share) for share in shares]
    assert {recorded.partition for recorded in apart[1]} == {1, 3}
    assert story(found) == story(apart[0]) | story(apart[1])
    left_out = [{name: many for name, many in each.counts.items() if name != "headers"} for each in (source, *shares)]
    assert left_out[0] == left_out[1]  # all shares look at all frames, and one of them counts
    assert left_out[2] == {}
    assert left_out[0] == ({"arp": 2} if capture == DEMO else left_out[0])
    copies = sum(int(np.count_nonzero(recorded.batch.rows["present"] & QUOTED_ONLY)) for recorded in found)
    headers = sum(len(recorded.batch.rows) for recorded in found)
    assert source.counts["headers"] == headers - copies == sum(len(b.rows) for b in header_batches([capture]))
    assert sum(recorded.end for recorded in found) == 4


def test_taken_up_anywhere_it_goes_on_as_it_would_have() -> None:
    whole = everything(open_source([str(DEMO)], SETTINGS, partitions=3))
    for place in (0, 1, 2, 3, len(whole) - 3, len(whole) - 2, len(whole) - 1):
        source = open_source([str(DEMO)], SETTINGS, partitions=3)
        position = source.position()
        for _, _ in zip(range(place), source, strict=False):
            position = source.position()
        rest = everything(open_source([str(DEMO)], SETTINGS, partitions=3, position=position))
        assert len(rest) == len(whole) - place
        assert story(rest) == story(whole[place:])


def test_taken_up_anywhere_it_has_counted_the_same() -> None:
    chosen = {"addresses": ["198.18.0.0/16"], "partitions": 3}
    whole = open_source([str(DEMO)], SETTINGS, **chosen)  # type: ignore[arg-type]
    many = len(everything(whole))
    assert whole.counts["not_chosen"] > 0
    for place in (0, 1, 2, 3, 4, many - 1):
        source = open_source([str(DEMO)], SETTINGS, **chosen)  # type: ignore[arg-type]
        position = source.position()
        for _, _ in zip(range(place), source, strict=False):
            position = source.position()
        again = open_source([str(DEMO)], SETTINGS, **chosen, position=position)  # type: ignore[arg-type]
        everything(again)
        assert (again.counts, again.span) == (whole.counts, whole.span)


def test_a_range_is_a_slice_of_the_timeline() -> None:
    whole = everything(open_source([str(DEMO)], SETTINGS))
    clock = np.concatenate([recorded.clock for recorded in whole[:-1]])
    begin, end = int(clock[0]) + 20_000_000_000, int(clock[0]) + 50_000_000_000
    source = open_source([str(DEMO)], SETTINGS, begin=begin, end=end)
    part = everything(source)
    taken = np.concatenate([recorded.clock for recorded in part if len(recorded.batch.rows)])
    assert taken.tolist() == clock[(clock >= begin) & (clock < end)].tolist()
    assert part[-1].end
    assert part[-1].clock.tolist() == [end]


def test_addresses_are_chosen() -> None:
    found = everything(open_source([str(DEMO)], SETTINGS, addresses=["2001:db8:18::/48"]))
    rows = np.concatenate([recorded.batch.rows for recorded in found])
    all_rows = np.concatenate([batch.rows for batch in header_batches([DEMO], 1 << 20)])
    prefix = 0x20010DB80018
    assert 0 < len(rows) < len(all_rows)
    assert set((rows["src_hi"] >> 16 == prefix) | (rows["dst_hi"] >> 16 == prefix)) == {True}
    assert len(rows) == np.count_nonzero((all_rows["src_hi"] >> 16 == prefix) | (all_rows["dst_hi"] >> 16 == prefix))


def test_another_sensor_is_not_here_and_a_missing_file_is_told(tmp_path: Path) -> None:
    assert everything(open_source([str(DEMO)], SETTINGS, sensors=["other"])) == []
    source = open_source([str(DEMO), str(tmp_path / "none.pcap")], SETTINGS)
    assert everything(source)
    assert [gap.kind for gap in source.gaps] == ["damaged"]
    assert "none.pcap" in str(source.gaps[0])
    assert source.span is not None
    assert source.progress[0] > 0


def test_no_captures_is_an_error() -> None:
    with pytest.raises(SourceError, match="nothing to read"):
        open_source([], SETTINGS)
