"""Plays a scenario and writes captures of both ends and the truth: `play`.

NAME.client.pcap.xz and NAME.server.pcap.xz hold the first 128 bytes of each packet. NAME.truth.json holds when the fault
began and ended and what was counted: by nftables, by the queues, by TCP itself (TCP_INFO of every transfer, SNMP
counters of both ends), by the programs and by the wire.
"""

from __future__ import annotations

import json
import lzma
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import numpy as np

from tests.lab.dns_outage import phase
from tests.lab.network import LabError, capture, network, result
from tests.lab.scenario import Scenario, Traffic
from tests.lab.topology import ADDRESSES, Topology, finish, kernel

STEP = 0.2
"""s between looks at the queues."""


def play(scenario: Scenario, out: Path, seed: int) -> dict[str, Any]:
    """Run it, write the files into folder `out`, give the truth. Raises LabError if something disturbed it."""
    with network() as net, tempfile.TemporaryDirectory() as scratch:
        top = Topology(
            net,
            {name: getattr(scenario.wire, name) for name in scenario.wire.__struct_fields__},
            congestion=scenario.congestion,
            offloads=scenario.offloads,
            seed=seed,
        )
        for queue in scenario.queues:
            top.queue(queue.side, queue.rate, queue.limit, queue.burst)
        server = _servers(top, scenario)
        ends = {"client": (top.client, "uplink"), "server": (top.server, "edge")}
        raw = {view: Path(scratch, f"{view}.pcap") for view in scenario.views}
        with ExitStack() as stack:
            counts = {view: stack.enter_context(capture(*ends[view], path, snap=128)) for view, path in raw.items()}
            truth = _course(top, scenario, seed)
        truth |= {
            "scenario": scenario.name,
            "seed": seed,
            "counters": {"up": top.left.counters(), "down": top.right.counters()},
            "kernel": {"client": kernel(top.client), "server": kernel(top.server)},
            "served": finish(server)["connections"],
            "wire": top.checked_wire(),
            "tcpdump": counts,
        }
        lost = {view: said.get("packets dropped by kernel", 0) for view, said in counts.items()}
        if any(lost.values()):
            raise LabError(f"{scenario.name}: tcpdump lost packets ({lost}); the machine was too busy, run it again")
        out.mkdir(parents=True, exist_ok=True)
        for view, path in raw.items():
            (out / f"{scenario.name}.{view}.pcap.xz").write_bytes(lzma.compress(path.read_bytes(), preset=6))
    (out / f"{scenario.name}.truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return truth


def _servers(top: Topology, scenario: Scenario) -> Popen[str]:
    """Start what answers; gives the one that counts."""
    module = "tests.lab"
    if scenario.dns:
        named = [text.split("=") for text in scenario.dns]
        top.server.python(f"{module}.dns_server", *(f"{ADDRESSES[name]}={delay}" for name, delay in named))
    top.server.python(f"{module}.web", "serve", ADDRESSES["web"], ADDRESSES["web6"])
    top.server.python(f"{module}.datagrams", "serve", ADDRESSES["voice"])
    counting = top.server.python(
        f"{module}.transfer", "serve", ADDRESSES["bulk"], ADDRESSES["bulk6"], ADDRESSES["web"], output=PIPE
    )
    time.sleep(1.5)
    return counting


def _course(top: Topology, scenario: Scenario, seed: int) -> dict[str, Any]:
    """Before, fault and after; gives the times and what the programs said."""
    began = time.time()
    start, end = began + scenario.before, began + scenario.before + scenario.fault
    running: list[tuple[Traffic, Popen[str]]] = []
    samples: dict[str, list[list[float]]] = {queue.side: [] for queue in scenario.queues}

    def begin(*times: str) -> None:
        for turn, traffic in enumerate(scenario.traffic):
            if traffic.when in times:
                seconds = {"all": end + scenario.after, "fault": end, "before": start}[traffic.when] - time.time()
                words = traffic.run.format(**ADDRESSES, seconds=f"{seconds:.2f}", seed=seed + turn).split()
                running.append((traffic, top.client.python(f"tests.lab.{words[0]}", *words[1:], output=PIPE)))

    def until(moment: float) -> None:
        while (left := moment - time.time()) > 0:
            for side, rows in samples.items():
                found = top.backlog(side)
                rows.append([round(time.time() - began, 3), found["backlog"], found["drops"]])
            time.sleep(min(STEP, left))

    begin("all", "before")
    until(start)
    for side, rules in (("up", scenario.up), ("down", scenario.down)):
        top.fault(side, list(rules))
    if scenario.wire.longer_ms:
        top.wire.send_signal(signal.SIGUSR1)
    fault_start = time.time()
    begin("fault")
    until(end)
    before_end = {"up": top.left.counters(), "down": top.right.counters()}
    for side in ("up", "down"):
        top.fault(side, [])
    if scenario.wire.longer_ms:
        top.wire.send_signal(signal.SIGUSR1)
    fault_end = time.time()
    until(end + scenario.after)
    said = [result(process, 60) for _, process in running]
    return {
        "began": began,
        "fault_start": fault_start,
        "fault_end": fault_end,
        "counters_at_fault_end": before_end,
        "queue": {side: _queue(rows) | top.backlog(side) for side, rows in samples.items()},
        "traffic": [
            {"run": traffic.run, "when": traffic.when, **_digest(answer, fault_start, fault_end)}
            for (traffic, _), answer in zip(running, said, strict=True)
        ],
    }


def _queue(rows: list[list[float]]) -> dict[str, float]:
    """Bytes that waited while any did: median and largest."""
    held = [row[1] for row in rows if row[1] > 0]
    return {
        "samples": len(rows),
        "backlog_p50": float(np.median(held)) if held else 0,
        "backlog_max": max(held, default=0),
    }


def _digest(said: dict[str, Any], start: float, end: float) -> dict[str, Any]:
    """A program's report without its long lists: attempts become counts by phase, durations percentiles."""
    if "attempts" in said:
        rows = said.pop("attempts")
        said["phases"] = {
            "before": phase(rows, 0.0, start),
            "fault": phase(rows, start, end),
            "after": phase(rows, end, float("inf")),
        }
        said["phases"]["after"]["end"] = max((row[0] for row in rows), default=end)
    for row in said.get("connections", []) if isinstance(said.get("connections"), list) else []:
        if took := row.pop("took_ms", None):
            row["took"] = {"count": len(took), "min_ms": min(took)} | {
                f"p{q}_ms": round(float(np.percentile(took, q)), 3) for q in (50, 95)
            }
    return said
