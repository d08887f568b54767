"""All comparisons: which baselines each tool has, and every difference found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.truth import arkime, ndpi, ours, tcptrace, zeek
from tests.truth.baselines import Baseline, baselines
from tests.truth.differences import Difference, skipped

ONE_OF_SEVERAL = {
    "scripts.base.protocols.login.nvt-contentline-length/conn-long.log": (
        "contentline__telnet-long-line-no-eol.pcapng.gz"
    ),
    "scripts.base.protocols.login.nvt-contentline-length/conn-buffer-overflow.log": (
        "contentline__nvt-line-limit-crlf-heap-buffer-overflow.pcap.gz"
    ),
}
"""Which capture a log is about where its test reads several."""


def _about(baseline: Baseline) -> Path:
    wanted = ONE_OF_SEVERAL.get(baseline.name)
    (capture,) = [one for one in baseline.captures if wanted in (None, one.name)]
    return capture


def _compared(tool: str, project: str) -> Iterator[Baseline]:
    left_out = skipped(tool)
    return (baseline for baseline in baselines(project) if baseline.name not in left_out)


def zeek_connections() -> Iterator[tuple[str, list[Difference]]]:
    """Each conn.log and its differences."""
    for baseline in _compared("zeek", "zeek_zeek"):
        leaf = baseline.path.name
        if not leaf.startswith(("conn", "load.conn", "save.conn")):
            continue
        capture = _about(baseline)
        inner, outer = ours.answer(capture).connections, ours.answer(capture, "outer").connections
        yield baseline.name, zeek.compare(baseline.name, zeek.read(baseline.path), inner, outer)


def arkime_sessions() -> Iterator[tuple[str, list[Difference]]]:
    """Each file of sessions and its differences."""
    for baseline in _compared("arkime", "arkime_arkime"):
        mine = arkime.ours(ours.answer(_about(baseline)).connections)
        yield baseline.name, arkime.compare(baseline.name, arkime.read(baseline.path), mine)


def tcptrace_connections() -> Iterator[tuple[str, list[Difference]]]:
    """Each long output and its differences."""
    for baseline in _compared("tcptrace", "blitz_tcptrace"):
        if baseline.name.endswith(".long"):
            mine = ours.answer(_about(baseline)).connections
            yield baseline.name, tcptrace.compare(baseline.name, tcptrace.read(baseline.path), mine)


def ndpi_flows() -> Iterator[tuple[str, list[Difference]]]:
    """Each flow list and its differences."""
    for baseline in _compared("ndpi", "ntop_nDPI"):
        mine = ndpi.ours(ours.answer(_about(baseline)).connections)
        yield baseline.name, ndpi.compare(baseline.name, ndpi.read(baseline.path), mine)


TOOLS = {
    "zeek": zeek_connections,
    "arkime": arkime_sessions,
    "tcptrace": tcptrace_connections,
    "ndpi": ndpi_flows,
}
