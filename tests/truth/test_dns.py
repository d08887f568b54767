"""DNS questions and answers as Zeek's dns.log has them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from producers.timeline import open_timeline
from tests.truth import ours, zeek
from tests.truth.baselines import Baseline, baselines
from wireverdict.decode import Decoder
from wireverdict.headers import DNS, QUESTION

LOGS = [one for one in baselines("zeek_zeek") if one.path.name in ("dns.log", "dns.log.cut")]
UNDECODED = {"core.tunnels.gre-over-udp/dns.log": "undecoded-tunnel"}
"""Nothing to compare; the reason is in docs/differences.md."""

# Zeek's row is a pair of query and answer. Where only one of them is in the capture it says so by what it leaves out.
Row = tuple[str, str, int, str, int]


def messages(capture: Path) -> tuple[list[Row], list[Row]]:
    """(queries, answers): client, server, id, name, type."""
    decoder = Decoder()
    queries: list[Row] = []
    answers: list[Row] = []
    for frames in open_timeline([capture]):
        batch = decoder.decode(frames)
        names = batch.names.tobytes()
        for row in batch.rows[(batch.rows["present"] & DNS) != 0]:
            start, asked = int(row["name_offset"]), bool(row["present"] & QUESTION)
            name = names[start : start + int(row["name_length"])].decode() if asked else ""
            one, other = ours.ip(row["src_hi"], row["src_lo"]), ours.ip(row["dst_hi"], row["dst_lo"])
            answer = bool(row["dns_flags"] & 0x8000)
            client, server = (other, one) if answer else (one, other)
            message = (client, server, int(row["dns_id"]), name, int(row["dns_qtype"]))
            (answers if answer else queries).append(message)
    return queries, answers


@pytest.mark.parametrize("log", [log for log in LOGS if log.name not in UNDECODED], ids=lambda log: log.name)
def test_log(log: Baseline) -> None:
    queries, answers = messages(log.captures[0])
    rows = [row for row in zeek.read(log.path) if "trans_id" in row]
    answered: Counter[tuple[str, str, int]] = Counter()
    asked: Counter[tuple[str, str, int]] = Counter()
    for row in rows:
        key = (row["id.orig_h"], row["id.resp_h"], int(row["trans_id"]))
        if row["rcode"] != zeek.UNSET:
            answered[key] += 1
        if row["rtt"] != zeek.UNSET or row["rcode"] == zeek.UNSET:
            asked[key] += 1
        if row["query"] != zeek.UNSET and row["qtype"] != zeek.UNSET:
            found = {(name, kind) for *ends, name, kind in queries + answers if tuple(ends) == key}
            assert (row["query"].lower(), int(row["qtype"])) in found
    if rows:
        assert Counter(message[:3] for message in answers) == answered
        assert all(Counter(message[:3] for message in queries)[key] >= count for key, count in asked.items())
    totals = ours.answer(log.captures[0]).counters["dns"]
    assert totals["attempts"] == len(queries)
    assert totals["answered"] + totals["late"] + totals["orphans"] == len(answers)


def test_there_were_logs() -> None:
    assert len(LOGS) >= 12
