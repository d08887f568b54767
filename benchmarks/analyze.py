"""Whole processes on the same generated capture: ``python -m benchmarks.analyze``; see docs/performance.md.

Everything runs on one core, in turn, with the capture in the page cache; the table gives medians. ``--nfstream`` also
measures nfstream once, in an environment of its own that is made on demand.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks import generate
from benchmarks.processes import Series, alternate, missing, warm

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out"
DEMO = ROOT / "demo" / "dns-outage.pcap.gz"
WIREVERDICT = (sys.executable, "-m", "wireverdict", "analyze")
FOUND = (0, 1)  # a verdict may fire


def capture(name: str, packets: int, *, live: int = 0, flood: int = 0) -> tuple[Path, int]:
    """The generated capture and its number of packets; made once and kept."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.pcap"
    truth = path.with_suffix(".truth.json")
    if not (path.exists() and truth.exists()):
        generate.generate(path, packets, 1, live=live, flood=flood)
    warm(path)
    known: int = json.loads(truth.read_text())["packets"]
    return path, known


def nfstream() -> Path:
    """The interpreter of an environment with nfstream in it."""
    folder = OUT / "nfstream"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run((python, "-m", "pip", "install", "--quiet", "nfstream>=6.5"), check=True)
    return python


def speed(packets: int, runs: int, *, with_tshark: bool, with_nfstream: bool) -> str:
    """The table of speeds."""
    path, known = capture(f"mix-{packets}", packets)
    file = str(path)
    series = [
        Series("wireverdict analyze", (*WIREVERDICT, file), FOUND),
        Series("wireverdict analyze --json", (*WIREVERDICT, file, "--json"), FOUND),
        Series("tcptrace -n -l -r", ("tcptrace", "-n", "-l", "-r", file)),
    ]
    warmup = [Series(one.name, one.command, one.allowed) for one in series[:2]]
    alternate(warmup, 1)  # compiles, where that has not happened yet
    alternate(series, runs)
    slow = []
    if with_tshark:
        slow.append(Series("tshark -q -z conv,tcp", ("tshark", "-r", file, "-q", "-z", "conv,tcp")))
    if with_nfstream:
        script = str(Path(__file__).with_name("nfstream_flows.py"))
        slow.append(Series("nfstream", (str(nfstream()), script, file)))
    alternate(slow, 1)
    series += slow
    yardstick = next(one.wall for one in series if one.name.startswith("tcptrace"))
    lines = [
        f"{known:,} packets, {path.stat().st_size / 1e6:,.0f} MB; one core; median of {runs} (tshark, nfstream: 1)",
        f"{'':30}{'seconds':>9}{'CPU s':>8}{'M packets/s':>13}{'x tcptrace':>12}{'peak MB':>9}",
    ]
    for one in series:
        rate, ratio = known / one.wall / 1e6, yardstick / one.wall
        lines.append(f"{one.name:30}{one.wall:9.2f}{one.cpu:8.2f}{rate:13.2f}{ratio:12.2f}{one.anonymous / 1e6:9.0f}")
    return "\n".join(lines)


def memory(live: int, flood: int) -> str:
    """Bytes per live connection, and the peak under a flood."""
    idle = Series("idle", (*WIREVERDICT, str(DEMO)), FOUND)
    many_path, many_packets = capture(f"live-{live}", 0, live=live)
    flood_path, flood_packets = capture(f"flood-{flood}", 1_000_000, flood=flood)
    many = Series("many", (*WIREVERDICT, str(many_path)), FOUND)
    flooded = Series("flood", (*WIREVERDICT, str(flood_path)), FOUND)
    alternate([Series(idle.name, idle.command, idle.allowed)], 1)  # compiles, where that has not happened yet
    alternate([idle, many, flooded], 1)
    each = (many.anonymous - idle.anonymous) / live
    done = subprocess.run((*WIREVERDICT, str(flood_path), "--json"), capture_output=True, check=False)
    bounds = json.loads(done.stdout.splitlines()[-1])["wireverdict"]["bounds"]
    return "\n".join(
        (
            f"at rest: {idle.anonymous / 1e6:,.0f} MB",
            f"{live:,} live connections ({many_packets:,} packets): {many.anonymous / 1e6:,.0f} MB at the peak, "
            f"{each:,.0f} bytes each",
            f"SYN flood from {flood:,} addresses ({flood_packets:,} packets): {flooded.anonymous / 1e6:,.0f} MB at the "
            f"peak; {', '.join(f'{name} {count:,}' for name, count in bounds.items())}",
        )
    )


def start(runs: int) -> str:
    """The first run ever, with an empty cache of kernels, and the following ones."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"WIREVERDICT_KERNEL_CACHE": folder}
        first = Series("first run", (*WIREVERDICT, str(DEMO)), FOUND, environment)
        later = Series("later runs", (*WIREVERDICT, str(DEMO)), FOUND, environment)
        alternate([first], 1, pinned=False)
        alternate([later], runs, pinned=False)
    return (
        f"first run ever: {first.wall:.1f} s ({first.cpu:.1f} s CPU); later: {later.wall:.2f} s ({later.cpu:.2f} s CPU); "
        "the demo's capture, all cores"
    )


def main() -> None:
    """Print what was asked for, or everything."""
    parser = argparse.ArgumentParser(description="Measure wireverdict and others as whole processes on one core.")
    parser.add_argument("what", nargs="*", choices=["speed", "memory", "start", []], help="default: everything")
    parser.add_argument("--packets", type=int, nargs="*", default=[3_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--live", type=int, default=1_000_000)
    parser.add_argument("--flood", type=int, default=3_000_000)
    parser.add_argument("--no-tshark", action="store_true", help="leave tshark out (minutes for 10 M packets)")
    parser.add_argument("--nfstream", action="store_true", help="measure nfstream too, once")
    given = parser.parse_args()
    if absent := missing("taskset", "tcptrace", *(() if given.no_tshark else ("tshark",))):
        raise SystemExit(f"install {', '.join(absent)} first (util-linux, tcptrace, tshark)")
    what = given.what or ["speed", "memory", "start"]
    if "speed" in what:
        for packets in given.packets:
            print(speed(packets, given.runs, with_tshark=not given.no_tshark, with_nfstream=given.nfstream), flush=True)
    if "memory" in what:
        print(memory(given.live, given.flood), flush=True)
    if "start" in what:
        print(start(given.runs), flush=True)


if __name__ == "__main__":
    main()
