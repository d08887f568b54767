"""``python -m tests.lab [NAME…] --out DIRECTORY``: play scenarios (all of them) and judge what is said of them, as root.

Nothing is tried again: a scenario that something disturbed says so, and so does one whose verdicts are not what they should
be. The exit status is then 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.lab.judge import SHORT_WIDTH, WIDTH, analyse, shortcomings
from tests.lab.network import ROOT, LabError
from tests.lab.play import play
from tests.lab.scenario import load, names


def one(name: str, out: Path, seed: int, short: bool) -> None:
    """Play one scenario in this process; ends it with a sentence if something goes wrong."""
    scenario = load(name)
    scenario = scenario.shortened() if short else scenario
    try:
        truth = play(scenario, out, seed)
    except LabError as error:
        sys.exit(f"{name}: {error}")
    width = SHORT_WIDTH if short else WIDTH
    wrong = [
        f"{view}: {text}"
        for view in scenario.views
        for text in shortcomings(
            scenario, view, truth, analyse(out / f"{name}.{view}.pcap.xz", width), width, to_the_end=not short
        )
    ]
    told = "; ".join(wrong) or "as it should be"
    print(f"{name} (seed {seed}): {told}. The wire was late by {truth['wire']['late_p99_ms']} ms (p99)", flush=True)
    if wrong:
        sys.exit(1)


def several(chosen: list[str], seeds: list[int], out: Path, jobs: int, short: bool) -> int:
    """Play many, each in its own process; gives the number that failed."""
    waiting = [(name, seed) for seed in seeds for name in chosen]
    running: list[subprocess.Popen[bytes]] = []
    failed = 0
    while waiting or running:
        while waiting and len(running) < jobs:
            name, seed = waiting.pop(0)
            place = out if len(seeds) == 1 else out / f"seed-{seed}"
            words = [name, "--out", str(place), "--seed", str(seed), "--jobs", "0", *(["--short"] if short else [])]
            running.append(subprocess.Popen([sys.executable, "-m", "tests.lab", *words], cwd=ROOT))
        time.sleep(0.2)
        failed += sum(bool(process.poll()) for process in running)
        running = [process for process in running if process.poll() is None]
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.lab")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, action="append", help="repeatable; each gets a folder if there are several")
    parser.add_argument("--jobs", type=int, default=4, help="scenarios at a time")
    parser.add_argument("--healthy", action="store_true", help="only those without a fault")
    parser.add_argument("--short", action="store_true", help="the short forms")
    given = parser.parse_args()
    seeds = given.seed or [1]
    if given.jobs == 0:
        one(given.names[0], given.out, seeds[0], given.short)
        return
    all_of_them = [load(name) for name in names()]
    chosen = given.names or [
        s.name for s in all_of_them if (s.healthy or not given.healthy) and (s.short or not given.short)
    ]
    failed = several(chosen, seeds, given.out, given.jobs, given.short)
    if failed:
        sys.exit(f"{failed} of {len(chosen) * len(seeds)} runs failed")


if __name__ == "__main__":
    main()
