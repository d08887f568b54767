"""Tables and columns of a batch against the obvious way to make them."""

from __future__ import annotations

import numpy as np

from tests.codec.made import names_of, random_batch
from wireverdict.codec.layout import COLUMNS, FLOW, KIND, QUOTE
from wireverdict.codec.pack import gather_names, pack
from wireverdict.codec.predict import FIELDS


def test_flows_kinds_questions_and_quotes_are_entered_once_in_order() -> None:
    batch, _ = random_batch(5, 300, 1.0)
    rows, count = batch.rows, len(batch.rows)
    for name in ("src_hi", "dst_hi", "sport", "dport", "present", "frame_length", "ip_length", "payload_length"):
        rows[name] %= 2
    for name in ("tcp_flags", "mss", "dns_flags", "vlan", "protocol", "ttl", "tos", "direction", "wscale"):
        rows[name] = 1
    matrix = np.zeros((len(COLUMNS), count), np.int32)
    flows, kinds = np.zeros(count, FLOW), np.zeros((count, 4), np.uint64)
    asked, quotes = np.zeros(count, np.int32), np.zeros(count, QUOTE)
    used = pack(
        rows, batch.names, matrix, flows, kinds, asked, quotes,
        np.zeros((2 * count, FIELDS), np.uint32), np.zeros((3, 1024), np.int32),
    )  # fmt: skip
    known_flows: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    known_kinds: list[tuple[int, ...]] = []
    known_questions: list[tuple[int, int, bytes]] = []
    quoted = 0
    for i, (row, asked_for) in enumerate(zip(rows, names_of(batch), strict=True)):
        ends = [
            tuple(int(row[f]) for f in fields)
            for fields in (("src_hi", "src_lo", "sport"), ("dst_hi", "dst_lo", "dport"))
        ]
        pair, turned = (ends[0], ends[1]), (ends[1], ends[0])
        if pair not in known_flows and turned not in known_flows:
            known_flows.append(pair)
        reverse = pair not in known_flows
        assert matrix[0, i] == known_flows.index(turned if reverse else pair)
        kind = (
            *(int(row[part]) for part in ("present", "icmp_type", "icmp_code")),
            (int(row["ip_length"]) - int(row["payload_length"])) % 2**32,
            (int(row["frame_length"]) - int(row["ip_length"])) % 2**32,
            int(reverse),
        )
        if kind not in known_kinds:
            known_kinds.append(kind)
        assert matrix[1, i] == known_kinds.index(kind)
        question = (int(row["dns_qhash"]), int(row["dns_qtype"]), asked_for)
        if question != (0, 0, b"") and question not in known_questions:
            known_questions.append(question)
        assert matrix[9, i] == (known_questions.index(question) + 1 if question != (0, 0, b"") else 0)
        has_quote = any(row[field] for field in QUOTE.names or ())
        quoted += has_quote
        assert matrix[14, i] == (quoted if has_quote else 0)
    assert used == (len(known_flows), len(known_kinds), len(known_questions), quoted)
    table = kinds[: used[1]].reshape(-1).view(KIND)
    fields = ("present", "icmp_type", "icmp_code", "overhead", "link", "reverse")
    assert [tuple(int(entry[field]) for field in fields) for entry in table] == known_kinds
    ends_out, out = np.zeros(used[2] + 1, np.int32), np.zeros(10_000, np.uint8)
    size = gather_names(rows, batch.names, asked[: used[2]], ends_out, out)
    assert out[:size].tobytes() == b"".join(name for _, _, name in known_questions)
    assert np.diff(ends_out).tolist() == [len(name) for _, _, name in known_questions]
