"""``wireverdict analyze --sensor``, as people call it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.program import run
from tests.lab.scenario import CAPTURES
from tests.output.verdict_makers import make_verdict
from wireverdict.cli.analysis import Options, Refusal
from wireverdict.cli.sensors import Held, by_sensor
from wireverdict.records import CONNECTION

CLIENT, SERVER = (f"{view}={CAPTURES / f'heavy-loss.{view}.pcap.xz'}" for view in ("client", "server"))


def test_verdicts_of_both_sensors_say_where_the_loss_was() -> None:
    told = run("analyze", "--json", "--sensor", CLIENT, "--sensor", SERVER)
    assert (told.status, told.err) == (1, "")
    alone = run("analyze", "--json", CAPTURES / "heavy-loss.server.pcap.xz")
    mine = [document for document in told.documents if document.get("observer", {}).get("name") == "server"]
    plain = [document for document in mine if document["event"]["dataset"] == "wireverdict.connection"]
    assert len(plain) == len(alone.of("connection"))
    verdicts = [document for document in mine if document["event"]["dataset"] == "wireverdict.verdict"]
    assert [verdict["event"]["id"] for verdict in verdicts] == [
        verdict["event"]["id"] for verdict in alone.of("verdict")
    ]
    located = [verdict["wireverdict"]["evidence"]["loss_located"] for verdict in verdicts]
    assert located == [
        "910 of 910 lost segments between sensor client and sensor server",
        "1,352 of 1,352 lost segments between sensor client and sensor server",
    ]
    (both,) = told.of("loss-location")
    assert told.documents[-1] == both
    assert both["wireverdict"]["loss_located"] == "1,438 of 1,438 lost segments between sensor client and sensor server"


def test_the_page_for_people_says_it_in_the_box_and_at_the_end() -> None:
    told = run("analyze", "--sensor", CLIENT, "--sensor", SERVER)
    assert told.out.count("1 min 30 s from 2026-11-23") == 2
    assert told.out.startswith("client\n======\nheavy-loss.client.pcap.xz: 72,367 packets\n")
    assert "loss located 910 of 910 lost segments" in " ".join(told.out.replace("│", " ").split())
    last = told.out[told.out.index("Sensors client and server: 168 connections seen by both") :]
    assert "192.0.2.90 and 198.18.0.2: 1,438 of 1,438 lost segments between sensor client and sensor server" in last


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"inputs": ("x.pcap",), "sensors": (CLIENT, SERVER)}, "captures belong to sensors"),
        ({"sensors": (CLIENT,)}, "two or more sensors"),
        ({"sensors": (CLIENT, CLIENT)}, "two or more sensors"),
        ({"sensors": (CLIENT, "server")}, "--sensor server: a name and a capture are wanted"),
        ({"sensors": (CLIENT, "=x.pcap")}, "a name and a capture are wanted"),
        ({"sensors": (CLIENT, SERVER), "csv": "x.csv"}, "--sensor goes with --json"),
        ({"sensors": (CLIENT, SERVER), "follow": True}, "--sensor goes with --json"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        by_sensor(Options(**({"inputs": ()} | options)))


def test_several_captures_of_a_sensor_are_one_timeline() -> None:
    named = by_sensor(Options((), sensors=("a=1.pcap", "b=2.pcap", "a=3=4.pcap")))
    assert named == {"a": ("1.pcap", "3=4.pcap"), "b": ("2.pcap",)}


def test_refusals_come_from_the_program_as_sentences(tmp_path: Path) -> None:
    told = run("analyze", "--sensor", CLIENT)
    assert (told.status, told.out) == (2, "")
    assert "two or more sensors" in told.err
    nothing = run("analyze")
    assert nothing.status == 2
    assert "Missing argument 'FILE...'" in nothing.err
    missing = run("analyze", "--json", "--sensor", CLIENT, "--sensor", f"server={tmp_path / 'none.pcap'}")
    assert missing.status == 2
    assert "none.pcap" in missing.err
    assert missing.of("loss-location")[0]["wireverdict"]["connections"]["seen_by_both"] == 0


class Kept:
    """An output that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    def connections(self, rows: Any) -> None:
        self.got.append(len(rows))

    def verdict(self, verdict: Any) -> None:
        self.got.append(verdict)

    def finish(self, summary: Any) -> None:
        self.got.append(summary)


def test_verdicts_wait_and_records_do_not() -> None:
    kept = Kept()
    held = Held("client", kept)
    verdict = make_verdict()
    held.verdict(verdict)
    held.connections(np.zeros(3, CONNECTION))
    held.finish({"end": 1})
    assert kept.got == [3]
    held.release([])
    assert kept.got == [3, verdict, {"end": 1}]
    assert dataclasses.asdict(kept.got[1]) == dataclasses.asdict(verdict)
