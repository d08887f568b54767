from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.files import reader
from producers.files.reader import Capture
from tests.captures import CAPTURES, capture_files
from tests.producers.read import packets, read
from tests.producers.writer import Packet, pcap, pcapng, snoop

PACKETS = [Packet(1_700_000_000 * 10**9 + i * 1000, bytes([i % 256]) * (i % 90), 100) for i in range(3000)]
WRITERS: dict[str, Callable[[list[Packet]], bytes]] = {"pcap": pcap, "pcapng": pcapng, "snoop": snoop}
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


@pytest.mark.parametrize("compression", COMPRESSORS)
@pytest.mark.parametrize("name", WRITERS)
def test_compressed_in_several_members(tmp_path: Path, name: str, compression: str) -> None:
    path = tmp_path / "capture"
    content = WRITERS[name](PACKETS)
    compress = COMPRESSORS[compression]
    path.write_bytes(compress(content[:7]) + compress(content[7:9000]) + compress(b"") + compress(content[9000:]))
    found, report = read(path, block=999)
    assert found == PACKETS
    assert report.error is None
    assert report.format == f"{name}, {compression}"


@settings(max_examples=40, deadline=None)
@given(wanted=packets(), chunk=st.integers(1, 200), name=st.sampled_from(["pcap", "pcapng"]), block=st.integers(1, 5))
def test_any_chunk_size_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[Packet], chunk: int, name: str, block: int
) -> None:
    path = tmp_path_factory.mktemp("chunks") / "capture"
    path.write_bytes(gzip.compress(WRITERS[name](wanted)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "CHUNK", chunk)
        found, report = read(path, block=block)
    assert found == wanted
    assert report.error is None


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1), compression=st.sampled_from(sorted(COMPRESSORS)))
def test_truncated_compressed_data_keep_what_is_readable(
    tmp_path_factory: pytest.TempPathFactory, share: float, compression: str
) -> None:
    path = tmp_path_factory.mktemp("cut") / "capture"
    rng = [os.urandom(60) for _ in range(300)]
    wanted = [Packet(i, data, 60) for i, data in enumerate(rng)]
    whole = COMPRESSORS[compression](pcap(wanted))
    path.write_bytes(whole[: min(8 + int(share * (len(whole) - 8)), len(whole) - 1)])
    found, report = read(path)
    assert found == wanted[: len(found)]
    assert report.error is not None
    if share > 0.9 and compression == "gzip":
        assert len(found) > 200
        assert "end early" in report.error
        assert "compressed bytes" in report.error


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_damaged_compressed_data(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "capture"
    whole = bytearray(COMPRESSORS[compression](pcap([Packet(i, os.urandom(500), 500) for i in range(2000)])))
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(64)
    path.write_bytes(whole)
    found, report = read(path)
    assert len(found) < 2000
    assert report.error is not None
    assert compression in report.error or "damaged at byte" in report.error


def test_bytes_after_the_compressed_data_are_told(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(gzip.compress(pcap(PACKETS)) + b"rubbish")
    found, report = read(path)
    assert found == PACKETS
    assert "not gzip" in (report.error or "")
    path.write_bytes(gzip.compress(pcap(PACKETS)) + bytes(1000))
    assert read(path)[1].error is None


def test_bombs_do_not_fill_memory(tmp_path: Path) -> None:
    """What decompresses to a thousand times its size is read in steps; most of it is no capture and is never made."""
    script = (
        "import sys; from producers.files.reader import Capture; c = Capture(sys.argv[1]); list(c)\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0], c.report.error)"
    )
    for compression in ("gzip", "zstd"):
        path = tmp_path / compression
        path.write_bytes(COMPRESSORS[compression](bytes(128 << 20)))
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60
        )
        kilobytes, error = done.stdout.split(" ", 1)
        assert int(kilobytes) // 1024 < 240
        assert "not a pcap" in error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello, this is a text\n" * 30, "looks like text"),
        (b"\x00\x01\x02\x03" * 10, "begins with 00 01 02 03"),
        (b"GMBU" + bytes(60), "Microsoft Network Monitor"),
        (b"PK\x03\x04" + bytes(60), "zip archive"),
        (gzip.compress(b"", mtime=0), "empty once decompressed"),
        (gzip.compress(b"\x7fELF" + bytes(99), mtime=0), "program"),
        (gzip.compress(gzip.compress(pcap(PACKETS), mtime=0), mtime=0), "compressed once more"),
        (pcap(PACKETS)[:20], "cut short inside the file header"),
        (pcap(PACKETS)[:5], "cut short inside the file header"),
        (b"\xd4", "begins with d4"),
        (b"\x1f\x8b\x08\x00", "gzip"),
    ],
)
def test_what_is_no_capture_gets_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "capture"
    path.write_bytes(content)
    found, report = read(path)
    assert found == []
    assert report.error is not None
    assert words in report.error
    assert "\n" not in report.error


def test_missing_forbidden_directory_and_device(tmp_path: Path) -> None:
    assert "no such file" in (read(tmp_path / "missing")[1].error or "")
    assert "directory" in (read(tmp_path)[1].error or "")
    assert "empty" in (read(Path("/dev/null"))[1].error or "")
    assert "cannot be read" in (read(Path("/proc/self/mem"))[1].error or "")
    assert "permission" in reader.explain(PermissionError(13, "Permission denied"))


def test_forbidden_for_real(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(PACKETS))
    path.chmod(0)
    tmp_path.chmod(0o755)
    child = os.fork()
    if child == 0:  # as a user who may not
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        error = read(path)[1].error or ""
        os._exit(0 if "denied" in error or "no such" in error else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("compression", ["", *COMPRESSORS])
def test_standard_input(compression: str) -> None:
    content = pcapng(PACKETS)
    script = (
        "from producers.files.reader import Capture; c = Capture('-');"
        "print(sum(len(p.frames) for p in c), c.report.format, c.report.error, c.bytes_total, c.bytes_read)"
    )
    sent = COMPRESSORS[compression](content) if compression else content
    done = subprocess.run([sys.executable, "-c", script], input=sent, capture_output=True, check=True)
    name = f"pcapng, {compression}" if compression else "pcapng"
    assert done.stdout.decode().strip() == f"3000 {name} None None {len(sent)}"


def test_a_pipe_is_handed_on_as_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content = pcap(PACKETS[:10])
    writer = os.open(path, os.O_RDWR)
    os.write(writer, content[:-50])
    pieces = iter(Capture(str(path)))
    started = time.monotonic()
    first = next(pieces)
    assert time.monotonic() - started < 5
    os.write(writer, content[-50:])
    second = next(pieces)
    os.close(writer)
    assert len(first.frames) + len(second.frames) == 10
    assert list(pieces) == []


def test_following_refuses_what_cannot_grow(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(gzip.compress(pcap(PACKETS)))
    assert "uncompressed" in (read(path, wait=lambda: False)[1].error or "")


def test_a_followed_file_may_end_inside_a_record(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(PACKETS[:5])[:-1])
    found, report = read(path, wait=lambda: False)
    assert found == PACKETS[:4]
    assert report.error is None


def test_a_large_file_leaves_the_resident_set_again(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    one = pcap([Packet(1, bytes(60_000), 60_000)])
    with path.open("wb") as file:
        file.write(one[:24])
        for _ in range(60):
            file.write(one[24:] * 100)
    script = (
        "import sys; from producers.files.reader import Capture; n = 0\n"
        "for piece in Capture(sys.argv[1], block=64):\n"
        "    n += int(piece.data[piece.frames['offset'][0]:][:4_000_000].sum())\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) // 1024 < 300


ODD = {
    "reno.epeek.gz": "EtherPeek, which has no magic number",
}
"""Captures of the collection that are in none of the formats read here."""
OTHERWISE = {
    "atm-oam-heapoverflow.pcap": "Wireshark takes SunATM's pseudo-header off the lengths",
}
DAMAGED = {
    "bug-1450-04__tls_DER-incomplete-header.pcap": "damaged",
    "bug-1450-05__tls_DER-incomplete-content.pcap": "damaged",
    "smtp-to-comma__10.7.29.101_49898-178.63.41.150_25.pcap": "damaged",
    "http-mime-truncated__input.pcap": "cut short",
    "truncated_dns_2.pcap": "cut short",
    "be__test901.pcapng": "version 2.0",
    "le__test901.pcapng": "version 2.0",
    "pcapng-invalid-vers-1.pcapng": "version 0.1",
    "pcapng-invalid-vers-2.pcapng": "version 1.1",
}


def everything() -> list[Path]:
    return capture_files() + sorted((CAPTURES / "policing").glob("*.xz"))


def test_every_capture_ends_and_its_error_is_known() -> None:
    known = ODD | DAMAGED
    for path in everything():
        capture = Capture(str(path))
        count = sum(len(piece.frames) for piece in capture)
        report = capture.report
        assert count == report.packets
        if path.name in known:
            assert report.error is not None, path
            assert path.name in ODD or known[path.name] in report.error, path
        else:
            assert report.error is None, path
            assert report.format
            if path.suffix != ".xz":
                assert capture.bytes_read == capture.bytes_total == path.stat().st_size, path


def test_counts_sizes_and_times_as_capinfos() -> None:
    """One run of capinfos (Wireshark) over the whole collection, against the reports."""
    paths = {str(path): path for path in capture_files()}
    command = ["capinfos", "-T", "-M", "-r", "-c", "-d", "-a", "-e", "-S", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    compared = 0
    for line in done.stdout.splitlines():
        name, count, size, start, end = line.split("\t")
        if paths[name].name in {**DAMAGED, **ODD, **OTHERWISE}:
            continue
        _, report = read(paths[name])
        assert (report.packets, report.bytes) == (int(count), int(size)), name
        for mine, theirs in ((report.first_ts, start), (report.last_ts, end)):
            if mine is None:
                assert theirs == "n/a", name
            elif not report.untimed:
                digits = 10 ** (9 - len(theirs.partition(".")[2]))
                assert mine // digits * digits == int(Decimal(theirs) * 10**9), name
        compared += 1
    assert compared > 1250


def test_a_followed_file_that_becomes_shorter(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(PACKETS[:9]))
    waits = []

    def wait() -> bool:
        waits.append(1)
        path.write_bytes(pcap(PACKETS[:2]))
        return len(waits) < 9

    found, report = read(path, wait=wait)
    assert found == PACKETS[:9]
    assert "became shorter" in (report.error or "")
    assert len(waits) == 1


def test_a_followed_file_that_is_rotated_is_read_to_its_end(tmp_path: Path) -> None:
    """Renamed, written to once more, and only then replaced."""
    path = tmp_path / "capture"
    path.write_bytes(pcap(PACKETS[:2]))
    waits = []

    def wait() -> bool:
        waits.append(1)
        if len(waits) == 1:
            path.rename(tmp_path / "capture.1")
        elif len(waits) == 3:
            (tmp_path / "capture.1").write_bytes(pcap(PACKETS[:9]))
            path.write_bytes(pcap(PACKETS[:4]))
        return len(waits) < 9

    found, report = read(path, wait=wait)
    assert found == PACKETS[:9]
    size = len(pcap(PACKETS[:9]))
    assert report.error == f"another file took its place after {size} bytes; start again to follow that one"
    assert len(waits) == 3


def test_the_end_of_a_pipe_is_the_end_even_if_followed(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(pcap(PACKETS),))
    writer.start()
    found, report = read(path, wait=lambda: True)
    writer.join()
    assert found == PACKETS
    assert report.error is None
