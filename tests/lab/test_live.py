"""Three faults made anew in network namespaces, in a short form: truth and verdicts agree on this very machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.judge import SHORT_WIDTH, analyse, shortcomings
from tests.lab.network import PREFIX, ROOT, run
from tests.lab.scenario import load, names

pytestmark = pytest.mark.lab

SHORT = [name for name in names() if load(name).short]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All at once: each waits most of its time."""
    out = tmp_path_factory.mktemp("lab")
    done = subprocess.run(
        (sys.executable, "-m", "tests.lab", "--short", "--jobs", str(len(SHORT)), "--out", str(out)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def truth_of(played: Path, name: str) -> dict[str, Any]:
    known: dict[str, Any] = json.loads((played / f"{name}.truth.json").read_text(encoding="utf-8"))
    return known


@pytest.mark.parametrize("name", SHORT)
def test_verdicts(played: Path, name: str) -> None:
    scenario = load(name).shortened()
    for view in scenario.views:
        analysis = analyse(played / f"{name}.{view}.pcap.xz", SHORT_WIDTH)
        assert shortcomings(scenario, view, truth_of(played, name), analysis, SHORT_WIDTH, to_the_end=False) == []


def test_retransmissions_and_answers_are_what_was_counted(played: Path) -> None:
    (sent,) = [row for row in truth_of(played, "policed-down-small-burst")["served"] if row["do"] == "give"]
    records = analyse(played / "policed-down-small-burst.server.pcap.xz").records
    ours = int(records["destination"]["retransmissions"][records["sport"] == sent["peer_port"]].sum())
    assert sent["retransmitted"] > 100
    assert ours == pytest.approx(sent["retransmitted"], rel=0.01)
    dns = truth_of(played, "dns-throttled")
    asked = sum(phase["attempts"] for phase in dns["traffic"][0]["phases"].values())
    answered = sum(phase["answered"] for phase in dns["traffic"][0]["phases"].values())
    records = analyse(played / "dns-throttled.client.pcap.xz").records
    mine = records[(records["dport"] == 53) & (records["protocol"] == 17)]
    assert (int(mine["source"]["packets"].sum()), int(mine["destination"]["packets"].sum())) == (asked, answered)
    assert dns["counters"]["down"]["dropped"]["packets"] == asked - answered


def test_nothing_is_left_behind(played: Path) -> None:
    """No namespace whose maker has ended; others may be at work."""
    makers = [line.split("-")[1] for line in run("ip", "netns", "list").splitlines() if line.startswith(PREFIX)]
    assert [maker for maker in makers if not Path("/proc", maker).exists()] == []
