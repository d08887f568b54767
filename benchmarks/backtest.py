"""``python -m benchmarks.backtest``: what a backtest costs beside a run of one configuration, in processor time of whole
processes.

Two sources: a generated capture (see `benchmarks.generate`) with many hosts and resolvers in each window, and the
laboratory's captures, each by itself, with few packets in each of many windows. "Two configurations" differ in a threshold of
every detector and in the alerts: no detector is shared. With ``--write`` the table in docs/backtest.md is replaced.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.analyze import capture
from benchmarks.detection_report import DOCS, replace
from benchmarks.processes import Series, alternate
from tests.lab.scenario import CAPTURES

OTHER = """
[detectors.dns_loss]
warning = 0.2
[detectors.throttling_ratio]
floor = 0.4
[detectors.new_flow_loss]
warning_share = 0.3
[detectors.policing]
critical_loss_share = 0.2
[detectors.bufferbloat]
critical_delay = 500
[detectors.retransmission_storm]
warning_share = 0.2
[detectors.zero_window]
warning_share = 0.3
[detectors.capture_loss]
warning_share = 0.02
[alerts]
bad_windows = 3
"""
SWEEPS = {
    "sweep of 20 thresholds of dns-loss": "detectors.dns_loss.warning=0.02:0.4:20",
    "sweep of 20 thresholds of throttling-ratio": "detectors.throttling_ratio.min_out=20:1000:20",
    "sweep of 20 settings of alerts": "alerts.silence=5:100:20",
    "sweep of 4 × 5 thresholds of dns-loss": "detectors.dns_loss.warning=0.02:0.4:4 detectors.dns_loss.min_attempts=5:200:5",
}


def series(source: Sequence[str], folder: Path) -> list[Series]:
    """What is measured; the first is what the others are compared with."""
    one, other = folder / "one.toml", folder / "other.toml"
    one.write_text("", encoding="utf-8")
    other.write_text(OTHER, encoding="utf-8")
    program = [sys.executable, "-m", "wireverdict", "backtest", "--json", "--processes", "1", *source]
    two = ["--config", str(one), "--config", str(other)]
    found = [
        Series("one configuration", [*program, *two[:2]]),
        Series("two configurations", [*program, *two], (0, 1)),
        Series("two configurations and the report", [*program, *two, "--html", str(folder / "report.html")], (0, 1)),
    ]
    for name, keys in SWEEPS.items():
        options = [text for key in keys.split() for text in ("--sweep", key)]
        found.append(Series(name, [*program, *options], (0, 1)))
    return found


def table(measured: dict[str, list[Series]]) -> str:
    """Markdown, a column for each source: least processor time of each run, and its ratio to the first."""
    lines = [f"| | {' | '.join(measured)} |", "| --- |" + " ---: |" * len(measured)]
    for same in zip(*measured.values(), strict=True):
        cells = []
        for one, first in zip(same, (runs[0] for runs in measured.values()), strict=True):
            least = min(run.cpu for run in one.runs)
            cells.append(f"{least:.1f} s ({least / min(run.cpu for run in first.runs):.2f} ×)")
        lines.append(f"| {same[0].name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print, or put it into the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=3_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into docs/backtest.md")
    options = parser.parse_args(arguments)
    source, known = capture(f"mix-{options.packets}", options.packets)
    sources = {
        f"generated: {known:,} packets": [str(source)],
        "laboratory: 57 captures": ["--each", str(CAPTURES)],
    }
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, inputs in sources.items():
            measured[name] = series(inputs, Path(folder))
            alternate([Series("warm", measured[name][1].command, (0, 1))], 1)  # compiles, where that has not happened
            alternate(measured[name], options.runs)
    told = table(measured)
    if options.write:
        page = DOCS / "backtest.md"
        said = f"Processor time of the whole process, the least of {options.runs} runs:\n\n{told}"
        page.write_text(replace(page.read_text(encoding="utf-8"), "cost", said), encoding="utf-8")
    else:
        sys.stdout.write(told + "\n")


if __name__ == "__main__":
    main()
