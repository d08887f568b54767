"""Windows of arbitrary traffic in arbitrary batches against the slow reference."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.windows.made import Script, ip4, views_of
from tests.windows.reference import Reference, run
from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.windows.fields import NEVER, Count, Dns
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.view import WindowView

FLOWS = [  # client, server, client port, server port, protocol: row number = slot
    (1, 2, 1000, 80, headers.TCP),
    (2, 1, 2000, 80, headers.TCP),
    (1, 2, 1001, 53, headers.UDP),
    (3, 1, 1002, 53, headers.UDP),
    (1, 3, 1003, 53, headers.TCP),
    (2, 2, 7, 7, headers.UDP),
    (1, 2, 0, 0, headers.ICMP),
]
EVENTS = [1 << bit for bit in range(24)]


def in_words(view: WindowView) -> dict[str, Any]:
    services = {}
    for key, counts in zip(view.services.keys, view.services.counts, strict=True):
        low, high = (int(key["low_hi"]), int(key["low_lo"])), (int(key["high_hi"]), int(key["high_lo"]))
        name = (low, high, int(key["port"]), int(key["protocol"]), int(key["responder"]))
        services[name] = [{Count(c): int(v) for c, v in enumerate(side) if v} for side in counts]
    dns = {}
    for i, key in enumerate(view.dns.keys):
        pair = (int(key["client_hi"]), int(key["client_lo"])), (int(key["server_hi"]), int(key["server_lo"]))
        counts = {Dns(c): int(v) for c, v in enumerate(view.dns.counts[i]) if v}
        latency = {c: int(v) for c, v in enumerate(view.dns.latency[i]) if v}
        names = {(name.name, name.qtype): name.unanswered for name in view.dns.names[i]}
        dns[pair] = counts, latency, int(view.dns.since[i]), names
    return {"number": view.number, "packets": view.packets, "late": view.capture.late, "services": services, "dns": dns}


def expected(reference: Reference) -> list[dict[str, Any]]:
    told = []
    for window in reference.closed:
        services = {
            key: [{Count(c): v for c, v in enumerate(side) if v} for side in counts]
            for key, counts in window.services.items()
        }
        dns = {}
        for pair, counts in window.dns.items():
            names = dict(sorted(window.names[pair].items(), key=lambda item: -item[1])[:5])
            dns[pair] = (
                {Dns(c): v for c, v in enumerate(counts) if v},
                dict(window.latency[pair]),
                window.since.get(pair, NEVER),
                names,
            )
        told.append(
            {"number": window.number, "packets": window.packets, "late": window.late, "services": services, "dns": dns}
        )
    return told


@st.composite
def traffic(draw: st.DrawFn) -> Script:
    script = Script()
    ts = draw(st.sampled_from([0.0, 1_700_000_000.0, -30.0]))
    steps = st.one_of(
        st.integers(0, 4000).map(lambda ms: ms / 1000),
        st.sampled_from([-3.0, -12.0, -40.0, 12.0, 35.0, 400.0, 4e7, 0.0]),
    )
    for _ in range(draw(st.integers(1, 60))):
        ts += draw(steps)
        slot = draw(st.integers(0, len(FLOWS) - 1))
        client, server, cport, sport, protocol = FLOWS[slot]
        answer = draw(st.booleans())
        mask = draw(st.lists(st.sampled_from(EVENTS), max_size=4))
        events = sum(set(mask)) & ~(n.FROM_RESPONDER | n.UNREACHABLE) | (n.FROM_RESPONDER if answer else 0)
        present = 0 if protocol == headers.ICMP else headers.PORTS
        name = draw(st.sampled_from(["a", "b.example"]))
        fields: dict[str, Any] = {
            "protocol": protocol,
            "sport": sport if answer else cport,
            "dport": cport if answer else sport,
            "payload_length": draw(st.sampled_from([0, 1, 1448])),
            "slot": draw(st.sampled_from([slot, slot, slot, -1])),
            "events": events,
            "acked": draw(st.integers(0, 3)) * 1000,
            "missed": draw(st.integers(0, 3)),
            "spurious": draw(st.integers(0, 3)),
            "age": draw(st.sampled_from([0, 9_999, 10_000, 60_000])),
            "direction": draw(st.integers(0, 2)),
        }
        if sport == 53:
            question = draw(st.sampled_from([headers.QUESTION, headers.QUESTION, headers.QUESTION, 0]))
            present |= headers.DNS | question
            fields |= {
                "dns_id": draw(st.integers(0, 1)),
                "dns_flags": draw(st.sampled_from([0, 2, 3, 5, 9, 0x200])) | (0x8000 if answer else 0),
                "dns_qtype": 1 if question else 0,
                "dns_qhash": len(name) if question else 0,
                "name_offset": len(script.names),
                "name_length": len(name) if question else 0,
            }
            script.names += name.encode()
        if protocol == headers.ICMP and answer:
            quoted = draw(st.integers(0, len(FLOWS) - 1))
            q_client, q_server, q_cport, q_sport, q_protocol = FLOWS[quoted]
            present |= headers.QUOTED
            fields |= {"missed": quoted, "events": draw(st.sampled_from([n.UNREACHABLE, 0])) | events & n.NEW}
            for end, host in (("src", q_client), ("dst", q_server)):
                fields |= {f"quoted_{end}_hi": 0, f"quoted_{end}_lo": ip4(host)[1]}
            fields |= {"quoted_sport": q_cport, "quoted_dport": q_sport, "quoted_protocol": q_protocol}
        script.packet(ts, *((server, client) if answer else (client, server)), present=present, **fields)
    return script


@settings(max_examples=100, deadline=None)
@given(traffic(), st.sampled_from([0, 0, 0, 7]), st.lists(st.integers(0, 60), max_size=5))
def test_any_traffic_in_any_batches_gives_what_the_reference_gives(
    script: Script, packets: int, cuts: list[int]
) -> None:
    made = script.arrays()
    config = WindowSettings(packets=packets, max_services=256, max_dns_pairs=64, max_names=64, max_pending=256)
    windows, views = views_of(made, config, sorted(min(cut, len(made[0])) for cut in cuts))
    reference = run(config, made[0], made[2], made[1].tobytes())
    for got, wanted in zip([in_words(view) for view in views], expected(reference), strict=True):
        for part in wanted:
            assert got[part] == wanted[part], (wanted["number"], part)
    totals = windows.dns_totals
    assert {name: totals[name] for name in reference.totals} == reference.totals
    assert totals["attempts"] == sum(totals[name] for name in ("answered", "late", "unanswered", "pending"))
