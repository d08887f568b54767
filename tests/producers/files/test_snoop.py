from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.producers.read import packets, read, rows
from tests.producers.writer import Packet, snoop

ONE = Packet(1_700_000_000_123_456_000, b"abcdef", 60)


@settings(max_examples=25, deadline=None)
@given(wanted=packets(unit=1000), pad=st.sampled_from([1, 2, 4]), block=st.integers(1, 5))
def test_records(tmp_path_factory: pytest.TempPathFactory, wanted: list[Packet], pad: int, block: int) -> None:
    path = tmp_path_factory.mktemp("snoop") / "capture"
    path.write_bytes(snoop(wanted, pad=pad))
    found, report = read(path, block=block)
    assert found == wanted
    assert report.error is None
    assert report.format == "snoop"


@pytest.mark.parametrize(("link", "wanted"), [(0, 1), (4, 1), (2, 6), (8, 10)])
def test_links(tmp_path: Path, link: int, wanted: int) -> None:
    path = tmp_path / "capture"
    path.write_bytes(snoop([ONE], link=link))
    assert [row["link"] for row in rows(path)[0]] == [wanted]


def test_missing_padding_at_the_end_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(snoop([ONE, ONE])[:-2])
    found, report = read(path)
    assert found == [ONE, ONE]
    assert report.error is None


@pytest.mark.parametrize(
    ("content", "kept", "words"),
    [
        (snoop([ONE], version=3), 0, "snoop version 3"),
        (snoop([ONE], link=77), 0, "link type 77"),
        (snoop([ONE, ONE])[:-5], 1, "cut short"),
        (snoop([ONE]) + bytes(8) + b"\0\0\0\1" + bytes(40), 1, "length of 1 bytes"),
        (snoop([ONE]) + b"\xff" * 50, 1, "captured bytes"),
        (snoop([])[:15], 0, "cut short inside the file header"),
    ],
)
def test_damage(tmp_path: Path, content: bytes, kept: int, words: str) -> None:
    path = tmp_path / "capture"
    path.write_bytes(content)
    found, report = read(path)
    assert found == [ONE] * kept
    assert report.error is not None
    assert words in report.error
