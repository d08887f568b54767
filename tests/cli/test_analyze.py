"""``wireverdict analyze`` as a process: what it prints and how it ends."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.program import DEMO, command, environment, run
from tests.processes import wait_idle

PACKETS = 16_990


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("captures") / "outage.pcap"
    path.write_bytes(gzip.decompress(DEMO.read_bytes()))
    return path


def records(data: bytes) -> Iterator[bytes]:
    """The packet records of a little-endian pcap file."""
    at = 24
    while at < len(data):
        (captured,) = struct.unpack_from("<I", data, at + 8)
        yield data[at : at + 16 + captured]
        at += 16 + captured


def test_the_demo_for_people() -> None:
    ended = run("analyze", DEMO)
    assert ended.status == 1
    assert ended.err == ""
    lines = ended.out.splitlines()
    assert lines[0].startswith("dns-outage.pcap.gz: 16,990 packets in 1 min 40 s from 2026-11-23 07:01:21 UTC")
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "CRITICAL" in ended.out
    assert "dns-loss" in ended.out
    assert "\x1b" not in ended.out


def test_the_demo_as_json() -> None:
    ended = run("analyze", "--json", DEMO)
    assert ended.status == 1
    assert ended.err == ""
    documents = ended.documents
    assert {document["event"]["dataset"] for document in documents} == {
        "wireverdict.connection",
        "wireverdict.verdict",
        "wireverdict.summary",
    }
    (summary,) = ended.of("summary")
    assert documents[-1] == summary
    told = summary["wireverdict"]
    assert told["packets"] == PACKETS
    finals = [document for document in ended.of("connection") if document["flow"]["final"]]
    assert len(finals) == sum(told["connections"].values())
    assert told["dns"]["attempts"] == 8_105
    assert told["dns"]["answered"] == 3_323
    assert told["files"][0]["packets"] == PACKETS
    assert told["verdicts"]["firing"] == sum(v["wireverdict"]["status"] == "firing" for v in ended.of("verdict"))
    assert "dns-loss" in {verdict["rule"]["id"] for verdict in ended.of("verdict")}


def test_stdin_a_file_and_a_split_in_two_give_the_same_documents(capture: Path, tmp_path: Path) -> None:
    data = capture.read_bytes()
    parts = list(records(data))
    for name, piece in (("one", parts[:7_000]), ("two", parts[7_000:])):
        (tmp_path / f"{name}.pcap").write_bytes(data[:24] + b"".join(piece))
    whole = run("analyze", "--json", capture).documents
    piped = run("analyze", "--json", "-", data=DEMO.read_bytes()).documents
    split = run("analyze", "--json", tmp_path / "one.pcap", tmp_path / "two.pcap").documents
    folder = run("analyze", "--json", tmp_path).documents
    assert whole[:-1] == piped[:-1] == split[:-1] == folder[:-1]
    assert split[-1]["wireverdict"]["dns"] == whole[-1]["wireverdict"]["dns"]


def test_csv_and_parquet_beside_the_page(tmp_path: Path) -> None:
    ended = run("analyze", DEMO, "--csv", tmp_path / "c.csv", "--parquet", tmp_path / "c.parquet")
    assert ended.status == 1
    assert ended.out.startswith("dns-outage.pcap.gz")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "c.csv").read_text(), newline="")))
    table = pq.read_table(tmp_path / "c.parquet")
    assert len(rows) == table.num_rows > 8_000
    assert [row["network.community_id"] for row in rows] == table["network.community_id"].to_pylist()


def test_a_list_of_connections() -> None:
    ended = run("analyze", "--connections", DEMO)
    assert ended.status == 1
    assert ended.out.startswith("start (UTC)")
    assert len([line for line in ended.out.splitlines() if line.startswith("2026-11-23 07:0")]) > 8_000


def test_a_filter() -> None:
    ended = run("analyze", "--json", "--filter", "tcp port 80", DEMO)
    told = ended.documents[-1]["wireverdict"]
    assert ended.status == 0
    assert told["connections"] == {"tcp": 212, "udp": 0, "icmp": 0}
    assert told["skipped"]["filtered_out"] == PACKETS - told["packets"]
    assert told["dns"]["attempts"] == 0


def test_settings_from_file_environment_and_options(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[detectors.dns_loss]\nmin_attempts = 100000\n")
    quiet = run("analyze", "--json", DEMO, "--config", tmp_path / "my.toml")
    assert "dns-loss" not in {verdict["rule"]["id"] for verdict in quiet.of("verdict")}
    seeded = run("analyze", "--json", "--filter", "port 80", DEMO, WIREVERDICT_CAPTURE__COMMUNITY_ID_SEED="1")
    plain = run("analyze", "--json", "--filter", "port 80", DEMO)
    assert seeded.documents[0]["network"] != plain.documents[0]["network"]
    assert seeded.documents[0]["source"] == plain.documents[0]["source"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "/nowhere.toml"], "cannot read the settings in /nowhere.toml: No such file or directory"),
        (["--window", "0"], "windows.width is 0.0 s; it must be within 0.001 and 86400 (--window: windows.width)"),
        (["--home-net", "192.0.2.1/24"], "192.0.2.1/24"),
        (["--filter", "tcp prot 80"], "--filter 'tcp prot 80': "),
        (["--csv", "/nowhere/out"], "cannot write /nowhere/out: its directory does not exist"),
        (["--parquet", "/nowhere/out"], "cannot write /nowhere/out: "),
        (["--json", "--connections"], "--json prints every connection already"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_read(arguments: list[str], words: str) -> None:
    ended = run("analyze", *arguments, DEMO)
    assert ended.status == 2
    assert ended.out == ""
    assert ended.err.startswith("wireverdict: ")
    assert words in ended.err
    assert ended.err.count("\n") == 1


def test_bad_input_beside_good_input(tmp_path: Path) -> None:
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")
    (tmp_path / "secret.pcap").mkdir()
    inputs = [tmp_path / name for name in ("empty.pcap", "letter.txt", "missing.pcap", "secret.pcap")]
    ended = run("analyze", "--json", *inputs, DEMO)
    assert ended.status == 2
    told = ended.err.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in told] == [str(path) for path in inputs]
    assert all(len(line) < 400 for line in told)
    assert ended.documents[-1]["wireverdict"]["packets"] == PACKETS
    assert [bool(file.get("error")) for file in ended.documents[-1]["wireverdict"]["files"]] == [True] * 4 + [False]


def test_a_damaged_tail_costs_the_tail(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(capture.read_bytes()[:-7])
    ended = run("analyze", "--json", tmp_path / "cut.pcap")
    assert ended.status == 2
    assert "cut short at byte" in ended.err
    summary = ended.documents[-1]["wireverdict"]
    assert summary["packets"] == PACKETS - 1
    assert "cut short" in summary["files"][0]["error"]


def test_a_full_disk() -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            command("analyze", "--json", DEMO), stdout=full, stderr=subprocess.PIPE, env=environment(), check=False
        )
    assert ended.returncode == 2
    assert ended.stderr.decode() == "wireverdict: cannot write standard output: no space is left on the device\n"


@pytest.mark.parametrize("options", [["--json"], ["--connections"], []])
def test_a_closed_pipe(options: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            command("analyze", *options, DEMO), stdout=writing, stderr=subprocess.PIPE, env=environment(), check=False
        )
    finally:
        os.close(writing)
    assert ended.returncode == 2
    assert ended.stderr.decode() == "wireverdict: cannot write standard output: the program that read it has ended\n"


def test_no_standard_output_and_no_standard_error() -> None:
    shell = 'exec "$@" >&- 2>&-'
    ended = subprocess.run(["sh", "-c", shell, "sh", *command("analyze", DEMO)], env=environment(), check=False)
    assert ended.returncode == 2


def wait_for(process: subprocess.Popen[bytes], path: Path, words: bytes) -> None:
    until = time.monotonic() + 60
    while words not in path.read_bytes():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_a_pipe_is_silent(capture: Path, tmp_path: Path, number: int, status: int) -> None:
    data = capture.read_bytes()
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            command("analyze", "--json", "-"),
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(data[: len(data) // 2])
        process.stdin.flush()
        wait_idle(process)  # it has read, and waits for more
        process.send_signal(number)
        process.wait(60)
        process.stdin.close()
        assert process.stderr.read() == b""
        process.stderr.close()
    assert process.returncode == status
    (summary,) = [line for line in out.read_text().splitlines() if "wireverdict.summary" in line]
    assert '"interrupted":true' in summary
    assert json.loads(summary)["wireverdict"]["packets"] == sum(1 for _ in records(data[: len(data) // 2])) - 1


def test_following_a_file_until_ctrl_c(capture: Path, tmp_path: Path) -> None:
    data = capture.read_bytes()
    growing, out = tmp_path / "growing.pcap", tmp_path / "out"
    parts = list(records(data))
    half = len(data[:24] + b"".join(parts[:12_000]))
    growing.write_bytes(data[: half + 5])
    with out.open("wb") as file:
        process = subprocess.Popen(
            command("analyze", "--json", "--follow", growing),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        wait_for(process, out, b"wireverdict.connection")
        with growing.open("ab") as more:
            more.write(data[half + 5 :])
        wait_idle(process, 2.0)  # longer than it takes to look at the file again
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()
    assert process.returncode == 130
    summary = json.loads(out.read_text().splitlines()[-1])
    assert summary["wireverdict"]["packets"] == PACKETS
    assert summary["wireverdict"]["interrupted"] is True
