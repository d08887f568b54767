"""Windows against the slow reference, whatever the batches; their closing; their bounds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.windows.made import S, Script
from tests.windows.reference import Reference, run
from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.windows.fields import NEVER, Count, Dns
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.view import WindowView
from wireverdict.windows.windows import Windows

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


def views_of(made: tuple[Any, Any, Any], settings: WindowSettings, cuts: list[int]) -> tuple[Windows, list[WindowView]]:
    rows, names, notes = made
    windows = Windows(settings)
    views: list[WindowView] = []
    for first, last in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        start = first
        while start < last:
            start = windows.observe(rows[:last], names, notes[:last], start)
            views += windows.close()
    views += windows.finish()
    return windows, views


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
            fields |= {"slot": draw(st.sampled_from([quoted, -1])), "events": n.UNREACHABLE | events & n.RST_SEEN}
            for end, host in (("src", q_client), ("dst", q_server)):
                fields |= {f"quoted_{end}_hi": 0, f"quoted_{end}_lo": ip_low(host)}
            fields |= {"quoted_sport": q_cport, "quoted_dport": q_sport, "quoted_protocol": q_protocol}
        script.packet(ts, *((server, client) if answer else (client, server)), present=present, **fields)
    return script


def ip_low(host: int) -> int:
    return 0xFFFF << 32 | 198 << 24 | 18 << 16 | host


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


def play(script: Script, config: WindowSettings | None = None) -> tuple[Windows, list[WindowView]]:
    return views_of(script.arrays(), config or WindowSettings(), [])


def test_windows_far_apart() -> None:
    script = Script()
    for ts in (0.0, 5.0, 1e9, 1e9 + 3.0, 4e9, 1.0):
        script.packet(ts, 1, 2)
    windows, views = play(script)
    assert [(view.number, view.packets) for view in views] == [(0, 2), (100_000_000, 2), (400_000_000, 1)]
    assert [view.start for view in views] == [view.number * 10 * S for view in views]
    assert windows.late_packets == 1
    assert views[-1].capture.late == 1


def test_a_window_waits_for_the_lateness() -> None:
    script = Script()
    for ts in (1.0, 11.0, 9.0, 19.999, 9.5, 20.0, 9.6):
        script.packet(ts, 1, 2)
    windows, views = play(script)
    assert [(view.number, view.packets, view.capture.final) for view in views] == [
        (0, 3, False),
        (1, 2, True),
        (2, 1, True),
    ]
    assert windows.late_packets == 1


def test_windows_by_count() -> None:
    script = Script()
    for k in range(25):
        script.packet(k / 1000, 1, 2)
    _, views = play(script, WindowSettings(packets=10))
    assert [(view.number, view.packets) for view in views] == [(0, 10), (1, 10), (2, 5)]
    assert [(view.start, view.end) for view in views] == [
        (0, 9_000_001),
        (10_000_000, 19_000_001),
        (20_000_000, 24_000_001),
    ]


def test_times_at_the_end_of_all_numbers_do_not_hang() -> None:
    script = Script()
    for ts in (0, (1 << 63) - 1, -(1 << 63), 5):
        script.packet(0.0, 1, 2)
        script.lines[-1][0]["ts"] = ts
    windows, views = play(script)
    assert sum(view.packets for view in views) + windows.late_packets == 4


def test_a_port_scan_crowds_nobody_out() -> None:
    script = Script()
    for port in range(1000):
        script.packet(1.0, 1, 2, sport=40_000, dport=port + 1, slot=port)
    script.packet(1.5, 3, 4, sport=40_000, dport=80, slot=1000)
    script.packet(1.6, 4, 3, sport=80, dport=40_000, slot=1000, events=n.FROM_RESPONDER)
    _, (view,) = play(script, WindowSettings(max_services=64))
    assert len(view.services.keys) <= 64
    assert view.services.counts[:, :, Count.PACKETS].sum() == 1002
    others = view.pair(ip(3), ip(4))
    assert others is not None
    assert others[:, Count.PACKETS].tolist() == [1, 1]
    scan = view.pair(ip(1), ip(2))
    assert scan is not None
    assert scan[0, Count.PACKETS] == 1000
    assert view.capture.overflow == 1002 - 47  # three quarters of 64 rows, less the row of all others


def test_a_flood_of_addresses_is_summed_up() -> None:
    script = Script()
    for host in range(200):
        script.packet(1.0, host, 250, sport=1, dport=80, slot=host)
    _, (view,) = play(script, WindowSettings(max_services=64))
    assert len(view.pairs.keys) <= 64
    assert view.pairs.counts[0, :, Count.PACKETS].sum() == 200 - 63
    assert not view.pairs.keys["low_lo"][0]


def ip(host: int) -> tuple[int, int]:
    return 0, ip_low(host)


def test_a_stall_is_booked_to_the_windows_it_lasts_through() -> None:
    script = Script()
    flow: dict[str, Any] = {"sport": 1000, "dport": 80, "slot": 0}
    script.packet(6.0, 1, 2, events=n.ZERO_WINDOW, **flow)
    script.packet(25.0, 1, 2, events=n.WINDOW_OPENED, **flow)
    script.packet(31.0, 1, 2, events=n.ZERO_WINDOW, **flow)
    script.packet(32.5, 3, 4)
    script.packet(47.0, 3, 4)
    script.packet(999.0, 3, 4)
    _, views = play(script)
    stalls = {view.number: int(view.services.counts[:, 0, Count.STALL_MS].sum()) for view in views}
    # window 1 had no packet and so is none; the last one is not believed, 300 s after the window closed
    assert stalls == {0: 4000, 2: 5000, 3: 9000, 4: 10_000, 99: 0}


def test_syns_near_the_end_are_undecided() -> None:
    script = Script()
    for k, ts in enumerate((1.0, 5.5, 7.5, 7.6)):
        script.packet(ts, 1, 2, sport=1000 + k, dport=80, slot=k, events=n.NEW | n.SYN_SENT)
    script.packet(8.0, 2, 1, sport=80, dport=1003, slot=3, events=n.FROM_RESPONDER | n.SYN_ANSWERED)
    script.packet(8.9, 3, 4)
    _, (view,) = play(script)
    pair = view.pair(ip(1), ip(2))
    assert pair is not None
    told = {name: int(pair[0, name]) for name in (Count.SYN_ATTEMPTS, Count.SYN_ANSWERED, Count.SYN_PENDING)}
    assert told == {Count.SYN_ATTEMPTS: 4, Count.SYN_ANSWERED: 1, Count.SYN_PENDING: 1}


def test_who_hears_anything() -> None:
    script = Script()
    script.packet(1.0, 1, 2)
    script.packet(1.0, 3, 2)
    script.packet(1.0, 2, 3)
    _, (view,) = play(script)
    assert view.hearing == {ip(2), ip(3)}
    assert view.pair(ip(1), ip(9)) is None


def test_what_is_said_of_the_capture_is_about_tcp() -> None:
    script = Script()
    for slot, protocol in enumerate((headers.TCP, headers.UDP, headers.UDP)):
        events = n.ONE_SIDED | (n.DATA | n.MISSED if protocol == headers.TCP else 0)
        script.packet(1.0, 1, 2, protocol=protocol, slot=slot, payload_length=10, missed=7, events=events)
    _, (view,) = play(script)
    capture = view.capture
    assert (capture.tcp_packets, capture.one_sided_packets, capture.payload_bytes) == (1, 1, 10)
    assert (capture.data_packets, capture.missed_events, capture.missed_bytes) == (1, 1, 7)
    assert view.services.of(Count.ONE_SIDED).sum() == 3
