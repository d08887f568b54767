"""The queue on disk: in order, bounded, and whole after a kill at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from producers import spool as module
from producers.batching import Message
from producers.spool import Spool, SpoolError
from tests.cli.program import ROOT, environment

LIMIT = 1 << 30


def message(number: int, size: int = 10) -> Message:
    return Message(number % 3, b"key", number.to_bytes(4, "big") + bytes(size), [("wv", b"{}")], 2)


def numbers(messages: list[Message]) -> list[int]:
    return [int.from_bytes(each.value[:4], "big") for each in messages]


def test_messages_come_back_in_order_and_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMIT)
    for number in range(5):
        spool.append(message(number))
    assert list(spool.read()) == [message(number) for number in range(5)]
    assert spool.empty
    spool.append(message(5))
    assert not spool.empty
    assert numbers(list(spool.read())) == [5]
    spool.done()
    assert len(spool) == 0
    assert list(tmp_path.iterdir()) == []
    spool.append(message(6))
    assert numbers(list(spool.read())) == [6]
    spool.close()


def test_what_was_not_delivered_is_there_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT", 300)
    spool = Spool(tmp_path, LIMIT)
    for number in range(40):
        spool.append(message(number, 50))
    reading = spool.read()
    assert numbers([next(reading) for _ in range(12)]) == list(range(12))
    spool.done()
    spool.append(message(40, 50))
    spool.close()
    again = Spool(tmp_path, LIMIT)
    found = numbers(list(again.read()))
    assert found == list(range(found[0], 41))
    assert 0 < found[0] <= 12
    again.rewind()
    assert numbers(list(again.read())) == found
    again.close()


def test_beyond_the_limit_the_oldest_go_and_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT", 1000)
    spool = Spool(tmp_path, 3000)
    for number in range(100):
        spool.append(message(number, 100))
    left = numbers(list(spool.read()))
    assert left == list(range(100 - len(left), 100))
    assert len(spool) <= 3000
    assert spool.dropped == 2 * (100 - len(left))  # each has two headers
    spool.close()


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_half_written_tail_is_cut_off(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path, LIMIT)
    for number in range(4):
        spool.append(message(number))
    spool.close()
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - cut)
    again = Spool(tmp_path, LIMIT)
    again.append(message(9))
    assert numbers(list(again.read())) == [0, 1, 2, 9]
    again.close()


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMIT)
    for number in range(2):
        spool.append(message(number))
    spool.close()
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    again = Spool(tmp_path, LIMIT)
    assert numbers(list(again.read())) == [0]
    again.close()


def test_a_killed_writer_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from producers.spool import Spool\n"
        "from tests.producers.test_spool import message\n"
        "spool = Spool(Path(sys.argv[1]), 1 << 30)\n"
        "for number in range(10**9):\n"
        "    spool.append(message(number)); print(number, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(500)][-1]
        writer.send_signal(signal.SIGKILL)
        rest = [int(line) for line in writer.stdout.read().split("\n")[:-1] if line]
    told = max([told, *rest])
    spool = Spool(tmp_path, LIMIT)
    found = numbers(list(spool.read()))
    assert found == list(range(len(found)))
    assert len(found) in (told + 1, told + 2)  # one may be written and not told yet
    spool.close()


def test_a_directory_belongs_to_one_process(tmp_path: Path) -> None:
    spool = Spool(tmp_path, LIMIT)
    with pytest.raises(SpoolError, match="another process uses it"):
        Spool(tmp_path, LIMIT)
    spool.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="cannot be used"):
        Spool(tmp_path / "file" / "inside", LIMIT)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of files as they were synced."""
    sizes: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda file: sizes.append(os.fstat(file).st_size))
    return sizes


def test_what_is_written_is_synced_once_a_second(tmp_path: Path, synced: list[int]) -> None:
    now = [0.0]
    spool = Spool(tmp_path, LIMIT, lambda: now[0])
    for number in range(12):
        now[0] += 0.375
        spool.append(message(number))
    record = len(spool) // 12
    assert synced == [3 * record, 6 * record, 9 * record, 12 * record]
    spool.append(message(12))
    assert len(synced) == 4
    spool.close()
    assert synced[4:] == [13 * record]


def test_a_segment_is_synced_before_the_next_one_begins(
    tmp_path: Path, synced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT", 1_000)
    spool = Spool(tmp_path, LIMIT, lambda: 0.0)
    for number in range(60):
        spool.append(message(number))
    assert len(synced) == len(list(tmp_path.iterdir())) - 1 > 1
    spool.close()
    assert synced == [path.stat().st_size for path in sorted(tmp_path.iterdir())]
