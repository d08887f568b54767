"""``python -m benchmarks.labels lab|policing``: labels of the laboratory's captures, or of the labelled policing traces, as
the CSV that ``wireverdict backtest --each --labels`` takes.

The lab's truth is in tests/lab/captures/*.truth.json and what must fire in tests/lab/scenarios; docs/detection-paths.md says
where the policing traces are from.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable
from typing import Any

from benchmarks.detection_report import labels as policing_rows
from tests.lab.judge import fault_end
from tests.lab.scenario import CAPTURES, Expected, Scenario, load, names
from wireverdict.backtest.labels import FIELDS

Row = dict[str, str]
KINDS = {"one": "one flow", "two": "two flows", "cross": "two flows and cross traffic", "shaped": "shaped"}


def lab() -> Iterable[Row]:
    """One row for each verdict that must fire in a capture, and for each rule that may; of healthy ones that nothing may."""
    for name in names():
        scenario = load(name)
        truth = json.loads((CAPTURES / f"{name}.truth.json").read_text(encoding="utf-8"))
        for view in scenario.views:
            where = f"{name}.{view}.pcap.xz"
            wanted = [expected for expected in scenario.expect if view in expected.seen]
            for expected in wanted:
                yield _row(_who(expected), expected.rule, truth, where, "fires", name, scenario)
            for rule in scenario.also:
                yield _row("*", rule, truth, where, "may", name, scenario)
            if not wanted:
                yield {
                    "who": "*",
                    "what": "*",
                    "from": "",
                    "to": "",
                    "where": where,
                    "expect": "never",
                    "group": name,
                } | {"note": scenario.about}


def policing() -> Iterable[Row]:
    """One row for each trace, in the classes of docs/detection-paths.md; nothing is said of detectors other than policing."""
    for label in policing_rows():
        kind = "shaped" if label["truth"] == "shaped" else "one" if label["flows"] == "1" else "two"
        if kind != "shaped" and label["cross_traffic"] == "1":
            kind = "cross"
        yield {
            "who": "*",
            "what": "policing",
            "from": "",
            "to": "",
            "where": label["file"],
            "expect": "never" if kind == "shaped" else "fires",
            "group": KINDS[kind],
            "note": f"{label['rate_bps']} bit/s",
        }


def _row(who: str, what: str, truth: dict[str, Any], where: str, expect: str, name: str, scenario: Scenario) -> Row:
    begin, end = truth["fault_start"], fault_end(truth)
    times = {"from": f"{begin:.6f}", "to": f"{end:.6f}"}
    return {"who": who, "what": what, **times, "where": where, "expect": expect, "group": name, "note": scenario.about}


def _who(expected: Expected) -> str:
    source, destination, port = expected.subject()
    if port and destination:
        destination = f"[{destination}]:{port}" if ":" in destination else f"{destination}:{port}"
    return f"{source} > {destination}".strip()


def main(arguments: list[str] | None = None) -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=("lab", "policing"))
    rows = {"lab": lab, "policing": policing}[parser.parse_args(arguments).set]()
    table = csv.DictWriter(sys.stdout, FIELDS)
    table.writeheader()
    table.writerows(rows)


if __name__ == "__main__":
    main()
