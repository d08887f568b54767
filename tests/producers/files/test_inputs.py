from __future__ import annotations

import gzip
import os
from pathlib import Path

from producers.files.inputs import expand, is_capture, natural
from tests.producers.writer import pcap, pcapng


def test_directories_give_their_captures_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1, 100):
        (tmp_path / f"cap{number}.pcap").write_bytes(pcap([]))
    (tmp_path / "cap11.gz").write_bytes(gzip.compress(pcapng([])))
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"a log\n"))
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08rubbish")
    (tmp_path / "cap12.pcap.gz").write_bytes(b"\x1f\x8b\x08rubbish")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "README").write_text("text")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "cap.pcap").write_bytes(pcap([]))
    reports = expand(["first", tmp_path, "-"])
    names = [os.path.basename(report.path) for report in reports]
    assert names == ["first", "cap1.pcap", "cap9.pcap", "cap10.pcap", "cap11.gz", "cap12.pcap.gz", "cap100.pcap", "-"]
    assert all(report.error is None for report in reports)


def test_a_directory_without_captures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("text")
    (report,) = expand([str(tmp_path)])
    assert report.path == str(tmp_path)
    assert report.error == "a directory without a capture among its 1 files; give one that holds captures"


def test_natural_order() -> None:
    assert sorted(["b", "a10", "a9", "a", "10", "9"], key=natural) == ["9", "10", "a", "a9", "a10", "b"]


def test_is_capture_leaves_errors_to_the_reader(tmp_path: Path) -> None:
    assert is_capture(str(tmp_path / "missing"))
    (tmp_path / "file").write_bytes(pcap([])[:12])
    assert is_capture(str(tmp_path / "file"))
