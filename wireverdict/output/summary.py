"""The document that ends a run: what was read, what came of it, and what was not used, by reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import wireverdict
from wireverdict.output.units import utf8
from wireverdict.verdicts import timestamp


class Report(Protocol):
    """What is told of an input; producers.files.report.FileReport is one."""

    path: str
    format: str
    packets: int
    bytes: int
    first_ts: int | None
    last_ts: int | None
    error: str | None
    error_offset: int | None
    skipped: dict[str, int]


def summary(
    counters: Mapping[str, Any],
    reports: Sequence[Report],
    verdicts: Mapping[str, int],
    *,
    interrupted: bool = False,
    filtered_out: int = 0,
) -> dict[str, Any]:
    """The summary as a JSON document (kind ``wireverdict.summary``, see docs/output.md).

    `counters`: the pipeline's. `verdicts`: number of verdict documents by status. `filtered_out`: packets that
    --filter left out.
    """
    skipped = dict(counters["skipped"])
    if filtered_out:
        skipped["filtered_out"] = filtered_out
    for report in reports:
        for reason, count in report.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
    starts = [report.first_ts for report in reports if report.first_ts is not None]
    ends = [report.last_ts for report in reports if report.last_ts is not None]
    event: dict[str, Any] = {"kind": "event", "category": "network", "dataset": "wireverdict.summary"}
    document: dict[str, Any] = {"event": event}
    if starts and ends:
        document = {"@timestamp": timestamp(max(ends))} | document
        event |= {"start": timestamp(min(starts)), "end": timestamp(max(ends)), "duration": max(ends) - min(starts)}
    rest = {key: value for key, value in counters.items() if key != "skipped"}
    document["wireverdict"] = {
        "version": wireverdict.__version__,
        "interrupted": interrupted,
        **rest,
        "verdicts": {status: verdicts.get(status, 0) for status in ("firing", "resolved")},
        "skipped": dict(sorted(skipped.items())),
        "files": [_file(report) for report in reports],
    }
    return document


def _file(report: Report) -> dict[str, Any]:
    document: dict[str, Any] = {
        "path": utf8(report.path),
        "format": report.format or None,
        "packets": report.packets,
        "bytes": report.bytes,
        "start": None if report.first_ts is None else timestamp(report.first_ts),
        "end": None if report.last_ts is None else timestamp(report.last_ts),
    }
    if report.error is not None:
        document["error"] = report.error
        if report.error_offset is not None:
            document["error_offset"] = report.error_offset
    return document
