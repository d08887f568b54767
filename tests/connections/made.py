"""Headers made by hypothesis: talks as hosts hold them, damaged on their way, and packets that make no sense at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.connections.packets import CLIENT, LETTERS, MS, SERVER, Talk, icmp, row, table, udp
from wireverdict import headers as h

ADDRESSES = (CLIENT, SERVER, "203.0.113.9", "255.255.255.255")
ADDRESSES_6 = ("2001:db8::1", "2001:db8::2")
WRAP = 1 << 32
ISNS = (0, 1_000, WRAP - 1, WRAP - 3, WRAP - 700, (1 << 30) + 12_345, 3_000_000_000)
FLAGS = (".", ".", ".", ".", "P.", "S", "S.", "F.", "R", "R.", "F", "", "SF", "SR", "FR", "S.R", "FR.", "S.F")
ACTIONS = ("data", "data", "data", "ack", "ack", "again", "jump", "probe", "window", "dsack", "part")
ENDINGS: tuple[tuple[tuple[int, str], ...], ...] = (
    (),
    ((0, "F."), (1, "F.")),
    ((1, "F."), (0, "F.")),
    ((0, "F."),),
    ((0, "R."),),
    ((1, "R."),),
    ((0, "F."), (1, "R.")),
    ((0, "F."), (0, "R."), (1, "F.")),
)
LENGTHS = (0, 0, 0, 1, 1, 100, 100, 200, 1460)


@st.composite
def wild(draw: st.DrawFn, most: int = 30) -> NDArray[np.void]:
    """Packets between few ports, with numbers from a small range, so that they touch, overlap and contradict."""
    bases = draw(st.lists(st.sampled_from(ISNS), min_size=2, max_size=2))
    stamped = draw(st.booleans())
    talks = draw(st.integers(1, 2))
    steps = st.sampled_from((0, 0, 1, 3, 40, 400, 4_000, 30_000, 301_000, 80_000, 6_000, -1, -50, 1_000_000))
    near = st.sampled_from((0, 0, 1, 1, 2, 50, 99, 100, 101, 102, 200, 201, 300, 301, 400, 500, 601, -1, -100, 70_000))
    now, rows = 0, []
    for _ in range(draw(st.integers(1, most))):
        now += draw(steps)
        side = draw(st.integers(0, 1))
        port = 40_000 + draw(st.integers(0, talks - 1))
        ends = ((ADDRESSES[0], port), (ADDRESSES[1], draw(st.sampled_from((443, 443, 443, 50_000)))))
        bits = sum(LETTERS[letter] for letter in draw(st.sampled_from(FLAGS)))
        length = draw(st.sampled_from(LENGTHS))
        present = h.PORTS | h.TCP_HEADER | (h.TIMESTAMPS if stamped else 0)
        options = draw(st.sampled_from((0, 0, 0, h.SACK_PERMITTED, h.SACK1, h.DSACK, h.WINDOW_SCALE, h.MSS, h.COPY)))
        rows.append(
            row(
                now * MS + draw(st.integers(0, 999_999)),
                ends[side][0],
                ends[1 - side][0],
                h.TCP,
                sport=ends[side][1],
                dport=ends[1 - side][1],
                present=present | options | (h.SACK1 if options == h.DSACK else 0),
                tcp_flags=bits,
                seq=(bases[side] + draw(near)) % WRAP,
                ack=(bases[1 - side] + draw(near)) % WRAP if bits & h.ACK else 0,
                window=draw(st.sampled_from((0, 1, 300, 300, 60_000))),
                wscale=draw(st.sampled_from((0, 2, 14, 15))),
                mss=1460 if options == h.MSS else 0,
                tsval=draw(st.integers(1, 9)) if stamped else 0,
                tsecr=draw(st.integers(0, 9)) if stamped else 0,
                payload_length=length,
                ip_length=40 + length,
            )
        )
    return table(rows)


@st.composite
def talk(draw: st.DrawFn, port: int = 40_000, v6: bool = False) -> list[dict[str, Any]]:
    """A TCP connection as two hosts hold it, over a network and a capture that lose, repeat and reorder."""
    isn = (draw(st.sampled_from(ISNS)), draw(st.sampled_from(ISNS)))
    client, server = ADDRESSES_6 if v6 else ADDRESSES[:2]
    made = Talk(client, port, server, draw(st.sampled_from((443, 50_000))), isn)
    stamped, sacks = draw(st.booleans()), draw(st.booleans())
    scales = draw(st.sampled_from(((None, None), (None, 3), (7, None), (7, 2))))
    now = draw(st.integers(0, 5))
    sent: list[list[tuple[int, int]]] = [[], []]  # segments of each side: sequence number, length
    seen = [0, 0]  # what each side has got of the other
    zero = [False, False]

    def put(side: int, flags: str, length: int = 0, **fields: Any) -> None:
        fields.setdefault("ack", seen[side])
        if stamped:
            fields.setdefault("timestamps", (now + 1, max(now - 20, 0)))
        fields.setdefault("window", 0 if zero[side] else 8_000)
        (made.s if side else made.c)(now, flags, length, **fields)

    if draw(st.integers(0, 5)):
        present = h.SACK_PERMITTED if sacks else 0
        for side, flags in ((0, "S"), (1, "S.")):
            scale: dict[str, Any] = {} if scales[side] is None else {"wscale": scales[side]}
            for _ in range(draw(st.sampled_from((1, 1, 1, 2)))):
                put(side, flags, seq=0, present=present, mss=1400, **scale)
                now += draw(st.sampled_from((1, 10, 1_000)))
            seen[1 - side] = 1
        put(0, ".")
    else:
        made.next = seen[:] = [1, 1]
    for _ in range(draw(st.integers(0, 14))):
        now += draw(st.sampled_from((0, 1, 2, 20, 300)))
        side = draw(st.integers(0, 1))
        match draw(st.sampled_from(ACTIONS)):
            case "data":
                length = draw(st.sampled_from((1, 100, 1_400)))
                sent[side].append((made.next[side], length))
                put(side, "P.", length)
            case "ack":
                edges = [seq + length for seq, length in sent[1 - side]]
                seen[side] = draw(st.sampled_from([seen[side], made.next[1 - side], *edges]))
                put(side, ".")
            case "again" if sent[side]:
                seq, length = draw(st.sampled_from(sent[side]))
                put(side, ".", length, seq=seq)
            case "part" if sent[side]:
                seq, length = draw(st.sampled_from(sent[side]))
                put(side, ".", draw(st.sampled_from((50, 1_450))), seq=seq + draw(st.sampled_from((0, 10, 50))))
            case "jump":
                sent[side].append((made.next[side], 100))
                put(side, ".", 100, seq=made.next[side] + draw(st.sampled_from((100, 250))))
            case "probe":
                put(side, ".", draw(st.integers(0, 1)), seq=made.next[side] - 1)
            case "window":
                zero[side] = not zero[side]
                put(side, ".")
            case "dsack":
                put(side, ".", present=h.SACK1 | h.DSACK)
    for side, flags in draw(st.sampled_from(ENDINGS)):
        now += draw(st.sampled_from((1, 30)))
        put(side, flags, draw(st.sampled_from((0, 0, 100))))
        if draw(st.booleans()):
            put(1 - side, ".", ack=made.next[side])
    return damaged(draw, made.rows)


def damaged(draw: st.DrawFn, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as a capture may have them: some lost, some twice, some later than they were sent."""
    out: list[tuple[int, int, dict[str, Any]]] = []
    for at, fields in enumerate(rows):
        match draw(st.sampled_from(("kept",) * 12 + ("lost", "twice", "late", "much later"))):
            case "lost":
                continue
            case "twice":
                out.append((fields["ts"], at, fields))
                out.append((fields["ts"] + MS, at, {**fields, "ts": fields["ts"] + MS}))
            case "late":
                out.append((fields["ts"] + 2 * MS, at, {**fields, "ts": fields["ts"] + 2 * MS}))
            case "much later":
                out.append((fields["ts"] + 200 * MS, at, {**fields, "ts": fields["ts"] + 200 * MS}))
            case _:
                out.append((fields["ts"], at, fields))
    return [fields for _, _, fields in sorted(out, key=lambda entry: entry[:2])]


@st.composite
def datagrams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """UDP and ICMP, requests and answers."""
    rows, now = [], 0.0
    for _ in range(draw(st.integers(0, 8))):
        now += draw(st.sampled_from((0.1, 5, 1_000, 61_000)))
        a, b = draw(st.permutations(ADDRESSES_6 if draw(st.booleans()) else ADDRESSES))[:2]
        match draw(st.sampled_from(("udp", "echo", "other", "error"))):
            case "udp":
                ports = draw(st.permutations((53, 5_353, 40_000)))
                rows.append(udp(now, a, ports[0], b, ports[1], draw(st.integers(0, 300))))
            case "echo":
                kinds = (128, 129, 135, 136) if ":" in a else (8, 0, 13, 14)
                rows.append(icmp(now, a, b, draw(st.sampled_from(kinds))))
            case "other":
                rows.append(icmp(now, a, b, 137 if ":" in a else 5, draw(st.integers(0, 1))))
            case "error" if rows:
                kind = draw(st.sampled_from((1, 3) if ":" in a else (3, 11)))
                rows.append(icmp(now, a, b, kind, draw(st.integers(0, 4)), about=draw(st.sampled_from(rows))))
    return rows


@st.composite
def traffic(draw: st.DrawFn) -> NDArray[np.void]:
    """A few talks and datagrams on one timeline, with ICMP errors about any of them."""
    rows = draw(datagrams())
    for number in range(draw(st.integers(1, 3))):
        port = draw(st.sampled_from((40_000, 40_001)))
        later = draw(st.sampled_from((0, 0, 100, 20_000, 400_000))) * MS
        rows += [{**fields, "ts": fields["ts"] + later} for fields in draw(talk(port, v6=number == 2))]
    rows.sort(key=lambda fields: fields["ts"])
    for _ in range(draw(st.integers(0, 1)) if rows else 0):
        about = draw(st.sampled_from(rows))
        code = draw(st.integers(0, 4))
        error = icmp(0, SERVER, CLIENT, 3, code, about=about)
        rows.append({**error, "ts": rows[-1]["ts"] + MS})
    return table(rows)
