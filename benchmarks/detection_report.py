"""``python -m benchmarks.detection_report``: how well policing is told on the labelled captures, and all detectors in the
lab.

With ``--write`` (``make detection-report``) the tables in docs/ are replaced. The labelled captures (docs/detection-paths.md
says where they are from) are played through decoder, tracker and Paths in windows of ten seconds, as `analyze` does; a file
counts as policed if any window says so. What is printed is Markdown.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import lab_report as lab_report_of
from producers.timeline import open_timeline
from wireverdict.boundary import first_at_or_after
from wireverdict.connections.tracker import Settings as TrackerSettings
from wireverdict.connections.tracker import Tracker
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.paths import Paths
from wireverdict.paths.events import DELIVERED, HIGH, REPEAT
from wireverdict.paths.observe import SECOND
from wireverdict.paths.policing import Judgement, Settings, judge_log
from wireverdict.paths.transmissions import transmissions

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "captures" / "policing"
WIDTH = LATENESS = 10 * SECOND
HORIZON = 30 * SECOND
CROSS_PORT = 5001
VIEWS = 4  # windows of each file that the sensitivity table judges again

Label = dict[str, str]


class Windowed(NamedTuple):
    """The log of the busiest pair as it stood when a window closed."""

    events: NDArray[np.void]
    direction: int
    start: int


class Capture(NamedTuple):
    """A labelled capture's headers."""

    label: Label
    rows: NDArray[np.void]

    @property
    def kind(self) -> str:
        """The row of the table that it belongs to."""
        if self.label["truth"] == "shaped":
            return "shaped"
        if self.label["cross_traffic"] == "1":
            return "two flows and cross traffic"
        return "one flow" if self.label["flows"] == "1" else "two flows"


def read(label: Label, folder: Path = FOLDER) -> Capture:
    """One capture's headers."""
    decoder = Decoder(DecodeSettings())
    batches = [decoder.decode(batch).rows.copy() for batch in open_timeline([str(folder / label["file"])])]
    return Capture(label, np.concatenate(batches))


def labels(folder: Path = FOLDER) -> list[Label]:
    """Rows of labels.csv."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def windows(rows: NDArray[np.void]) -> Iterator[Windowed]:
    """Play headers, and yield what would be judged at each window's close: streaming, every pair with data."""
    tracker, paths = Tracker(TrackerSettings(max_connections=1 << 14)), Paths()
    if tracker.track(rows, 0, len(rows)) != len(rows):
        raise ValueError("more connections than this report has room for")
    end = (int(rows["ts"][0]) // WIDTH + 1) * WIDTH
    done = 0
    while end - WIDTH <= int(rows["ts"][-1]):
        stop = max(first_at_or_after(rows, done, end + LATENESS), done)
        paths.observe(rows, tracker.notes, done, stop)
        done = stop
        for pair in np.flatnonzero(paths.pairs["number"] > 0):
            log = paths.events(int(pair))
            log = log[(log["ts"] < end) & (log["ts"] >= end - HORIZON)]
            for direction in (0, 1):
                again = (log["flags"] & HIGH == direction) & (log["flags"] & REPEAT != 0)
                if np.any(log["ts"][again] >= end - WIDTH) and np.count_nonzero(again) >= Settings().min_lost:
                    yield Windowed(log, direction, end - WIDTH)
        end += WIDTH


def best(judged: Iterable[Judgement]) -> Judgement | None:
    """The judgement of policing with most evidence, if there is any."""
    policed = [judgement for judgement in judged if judgement.policed]
    return max(policed, key=lambda judgement: judgement.gain) if policed else None


def judge_all(found: Iterable[Windowed], settings: Settings) -> list[Judgement]:
    """Judgements of windows."""
    return [judge_log(window.events, window.direction, settings)[0] for window in found]


def receiver_side(window: Windowed) -> Windowed:
    """What a capture behind the policer would have held: what was delivered, half a round trip later."""
    replay = transmissions(window.events, window.direction, Settings().link_overhead)
    rows = replay.rows[replay.rows["fate"] == DELIVERED]
    events = window.events[rows["event"]].copy()
    events["ts"] = rows["ts"] + replay.base_rtt // 2
    events["flags"] &= 0xFFFF ^ REPEAT
    return window._replace(events=events)


def without_cross_traffic(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Headers less those of the further traffic that shares the policer."""
    return np.asarray(rows[(rows["sport"] != CROSS_PORT) & (rows["dport"] != CROSS_PORT)])


def alone(rows: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
    """Headers of each TCP connection with at least a hundred packets."""
    low = np.minimum(rows["sport"], rows["dport"]).astype(np.int64)
    key = np.where(rows["protocol"] == 6, low << 16 | np.maximum(rows["sport"], rows["dport"]), -1)
    numbers, counts = np.unique(key, return_counts=True)
    for number in numbers[(counts >= 100) & (numbers >= 0)]:
        yield rows[key == number]


def table(header: list[str], lines: Iterable[list[str]], words: int = 1) -> str:
    """Markdown; so many columns hold words, the others numbers."""
    rule = ["---"] * words + ["---:"] * (len(header) - words)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *lines]) + "\n"


def errors(found: list[tuple[Capture, Judgement | None]]) -> str:
    """Median and 90th percentile of the rate's error."""
    off = [abs(j.rate_bps / float(c.label["rate_bps"]) - 1) for c, j in found if j is not None]
    return f"{100 * np.median(off):.1f} %, {100 * np.percentile(off, 90):.1f} %" if off else "–"


def main_table(captures: list[Capture], say: Callable[[str], None]) -> None:
    """Files detected by class, next to the published detector."""
    settings, lines = Settings(), []
    kinds = ["one flow", "two flows", "two flows and cross traffic", "shaped"]
    whole: list[tuple[Capture, Judgement | None]] = []
    cut: list[tuple[Capture, Judgement | None]] = []
    behind: list[tuple[Capture, Judgement | None]] = []
    for kind in kinds:
        found, either, both, shares = [], 0, 0, []
        for capture in (c for c in captures if c.kind == kind):
            seen = list(windows(capture.rows))
            judged = judge_all(seen, settings)
            found.append((capture, best(judged)))
            if judged and kind != "shaped":
                shares.append(sum(judgement.policed for judgement in judged) / len(judged))
            if capture.label["truth"] == "policed":
                whole.append(found[-1])
                behind.append((capture, best(judge_all([receiver_side(window) for window in seen], settings))))
            either += int(capture.label["baseline_either_run"]) > 0
            both += int(capture.label["baseline_both_runs"]) > 0
            if capture.label["cross_traffic"] == "1":
                rest = without_cross_traffic(capture.rows)
                cut.append((capture, best(judge_all(windows(rest), settings))))
        count = sum(j is not None for _, j in found)
        steady = f"{100 * np.mean(shares):.0f} %" if shares else "–"
        published = f"{either} ({both})"
        lines.append([kind, str(len(found)), str(count), published, errors(found) if count else "–", steady])
    policed = [(c, j) for c, j in cut if c.label["truth"] == "policed"]
    for name, cases in (
        ("all that are policed", whole),
        ("cross traffic's packets removed", policed),
        ("as seen behind the policer", behind),
    ):
        count = sum(j is not None for _, j in cases)
        lines.append([name, str(len(cases)), str(count), "–", errors(cases) if count else "–", "–"])
    heads = ["class", "files", "policed", "published detector: either run (both)", "rate error: median, p90", "windows"]
    say(table(heads, lines))


def alone_line(captures: list[Capture], say: Callable[[str], None]) -> None:
    """Each connection judged as if it were the only one."""
    total = hits = wrong = innocent = 0
    for capture in captures:
        for rows in alone(capture.rows):
            seen = list(windows(rows))
            if not seen:
                continue
            policed = best(judge_all(seen, Settings())) is not None
            if capture.label["truth"] == "policed":
                total, hits = total + 1, hits + policed
            else:
                innocent, wrong = innocent + 1, wrong + policed
    say(f"Each connection alone: {hits} of {total} behind a policer, {wrong} of {innocent} behind a shaper.\n")


def sensitivity(captures: list[Capture], say: Callable[[str], None]) -> None:
    """Every threshold halved and doubled: windows told right."""
    chosen: list[tuple[bool, Windowed]] = []
    for capture in captures:
        seen = list(windows(capture.rows))
        picks = sorted({round(k) for k in np.linspace(0, len(seen) - 1, min(VIEWS, len(seen)))})
        chosen.extend((capture.label["truth"] == "policed", seen[k]) for k in picks)

    def told(settings: Settings) -> str:
        judged = [judge_log(window.events, window.direction, settings)[0].policed for _, window in chosen]
        right = sum(a for a, (truth, _) in zip(judged, chosen, strict=True) if truth)
        wrong = sum(a for a, (truth, _) in zip(judged, chosen, strict=True) if not truth)
        return f"{right}, {wrong}"

    policed = sum(truth for truth, _ in chosen)
    say("Each threshold halved and doubled.")
    say(f"Windows called policed of {policed} that are and {len(chosen) - policed} that are not:\n")
    lines = [["(defaults)", "", told(Settings()), ""]]
    for name in SENSITIVE:
        value = getattr(Settings(), name)
        kind = type(value)
        variants = [told(msgspec.structs.replace(Settings(), **{name: kind(value * k)})) for k in (0.5, 2)]
        lines.append([f"`{name}`", f"{value:g}", *variants])
    say(table(["threshold", "default", "halved", "doubled"], lines))


SENSITIVE = (
    *("min_lost", "min_passed", "min_episodes", "rate_to", "depth_from", "depth_to", "queue_delay", "queue_share"),
    *("delay_follows", "standing_delay", "min_gain", "min_gain_share", "policed_share", "policed_rank"),
    *("partial_share", "shallow", "shallow_packets"),
)


def policing_report(captures: list[Capture], *, with_sensitivity: bool = True) -> str:
    """All about policing."""
    told: list[str] = []
    main_table(captures, told.append)
    alone_line(captures, told.append)
    if with_sensitivity:
        sensitivity(captures, told.append)
    return "\n".join(told)


def lab_report() -> str:
    """All about the lab."""
    said = table(["scenario", "what happens", "told at the client", "told at the server"], lab_report_of.lab_table(), 4)
    heads = ["detector", "threshold", "default", "as it is", "halved", "doubled"]
    return f"{said}\n{SENSITIVITY}\n{table(heads, lab_report_of.sensitivity(), 2)}"


SENSITIVITY = """Each threshold halved and doubled, in the lab: expected verdicts that fired in time, and verdicts that nothing
explains.
"""


def replace(page: str, name: str, text: str) -> str:
    """A page with what stands between two marks replaced. Raises ValueError if they are missing."""
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    start, end = page.index(first) + len(first), page.index(last)
    return page[:start] + text.strip() + "\n" + page[end:]


def main(arguments: list[str] | None = None) -> None:
    """Print the report, or put it into the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="labelled captures whose name holds this, and not the lab")
    parser.add_argument("--no-sensitivity", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/")
    options = parser.parse_args(arguments)
    captures = [read(label) for label in labels() if options.only in label["file"]]
    parts = {"detection-paths.md": ("policing", policing_report(captures, with_sensitivity=not options.no_sensitivity))}
    if not options.only:
        parts["detection.md"] = ("lab", lab_report())
    for page, (name, text) in parts.items():
        if options.write:
            place = DOCS / page
            place.write_text(replace(place.read_text(encoding="utf-8"), name, text), encoding="utf-8")
        else:
            sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
