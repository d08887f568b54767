"""What all captures say at their end, and where their batches wait."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from producers.batching import Message
from producers.spool import SpoolError
from wireverdict.bus import Envelope, Kind
from wireverdict.cli.capturing import Options
from wireverdict.cli.sending import log_sent, open_spool, waiting


def options(**more: Any) -> Options:
    return Options(("x",), "one", **more)


def test_a_spool_holds_as_many_megabytes_as_were_wished(tmp_path: Path) -> None:
    assert open_spool(options()) is None
    spool = open_spool(options(spool=str(tmp_path / "spool"), spool_limit=100))
    assert spool is not None
    assert (spool.directory, spool.limit) == (tmp_path / "spool", 100_000_000)
    spool.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError):
        open_spool(options(spool=str(tmp_path / "file")))


def test_the_last_line_has_what_became_of_the_packets(caplog: pytest.LogCaptureFixture) -> None:
    done: Any = SimpleNamespace(frames=9, headers=7, left_out={"arp": 2})
    with caplog.at_level(logging.INFO, "wireverdict.capture"):
        log_sent(options(), done, 1.23456, dropped=3)
    (record,) = caplog.records
    assert record.getMessage() == "sent"
    found = {name: record.__dict__[name] for name in ("sensor", "frames", "headers", "dropped", "left_out", "seconds")}
    assert found == {
        "sensor": "one", "frames": 9, "headers": 7, "dropped": 3, "left_out": {"arp": 2}, "seconds": 1.235
    }  # fmt: skip


def test_what_waits_on_disk_is_told(tmp_path: Path) -> None:
    spool = open_spool(options(spool=str(tmp_path / "spool")))
    assert spool is not None
    away: Any = SimpleNamespace(spooling=True)
    there: Any = SimpleNamespace(spooling=False)
    assert waiting(away, None) == waiting(there, spool) == ""
    spool.append(Message(0, b"", b"12345", Envelope("one", "r", 0, Kind.TICK, 0, 1).to_headers(), 1))
    assert (
        waiting(away, spool) == f"Kafka is away: {len(spool):,} bytes wait in {tmp_path / 'spool'} for the next start"
    )
    spool.close()
