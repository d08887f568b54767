"""The obvious way to make a record's document: a dictionary, field by field. The kernel is compared with it."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from wireverdict.connections.community_id import community_ids
from wireverdict.output.fields import PROTOCOLS
from wireverdict.records import Flag, Reason, RttMethod, State


def iso(ns: int) -> str:
    seconds, fraction = divmod(int(ns), 10**9)
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def address(hi: int, lo: int) -> str:
    number = int(hi) << 64 | int(lo)
    return str(ipaddress.IPv4Address(number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else ipaddress.IPv6Address(number))


def side(end: Any) -> dict[str, Any]:
    sampled = bool(end["rtt_samples"])
    return {
        "payload_bytes": int(end["payload_bytes"]),
        "stream_bytes": int(end["stream_bytes"]),
        "retransmissions": int(end["retransmissions"]),
        "retransmitted_bytes": int(end["retransmitted_bytes"]),
        "spurious_retransmissions": int(end["spurious_retransmissions"]),
        "out_of_order": int(end["out_of_order"]),
        "duplicate_acks": int(end["duplicate_acks"]),
        "zero_windows": int(end["zero_windows"]),
        "keep_alives": int(end["keep_alives"]),
        "missed_bytes": int(end["missed_bytes"]),
        "peak_in_flight_bytes": int(end["peak_in_flight"]),
        "throughput_bps": int(end["throughput_bps"]) or None,
        "mss_bytes": int(end["mss"]) or None,
        "rtt": {
            **{
                f"{name}_ms": int(end[f"rtt_{name}"]) / 1000 if sampled else None
                for name in ("min", "p50", "p95", "max")
            },
            "samples": int(end["rtt_samples"]),
            "method": RttMethod(end["rtt_method"]).name.lower() if end["rtt_method"] else None,
        },
    }


def document(row: Any, seed: int = 0) -> dict[str, Any]:
    known, true = int(row["flags_known"]), int(row["flags_true"])
    source, destination = row["source"], row["destination"]
    reasons = {flag: Reason(row["reasons"][flag]).name.lower() for flag in Flag if not known >> flag & 1}
    return {
        "@timestamp": iso(row["last_ts"]),
        "event": {
            "kind": "event",
            "category": "network",
            "dataset": "wireverdict.connection",
            "start": iso(row["first_ts"]),
            "end": iso(row["last_ts"]),
            "duration": int(row["last_ts"]) - int(row["first_ts"]),
        },
        "source": {
            "ip": address(row["src_hi"], row["src_lo"]),
            "port": int(row["sport"]),
            "packets": int(source["packets"]),
            "bytes": int(source["bytes"]),
        },
        "destination": {
            "ip": address(row["dst_hi"], row["dst_lo"]),
            "port": int(row["dport"]),
            "packets": int(destination["packets"]),
            "bytes": int(destination["bytes"]),
        },
        "network": {
            "transport": PROTOCOLS[row["protocol"]],
            "type": "ipv6" if ":" in address(row["src_hi"], row["src_lo"]) else "ipv4",
            "community_id": bytes(community_ids(np.array([row]), seed)[0]).decode(),
            "packets": int(source["packets"]) + int(destination["packets"]),
            "bytes": int(source["bytes"]) + int(destination["bytes"]),
        },
        "flow": {"final": bool(row["final"])},
        "wireverdict": {
            "conn_state": State(row["state"]).name,
            "history": bytes(row["history"][: row["history_length"]]).decode(),
            "handshake_ms": None if row["handshake"] < 0 else int(row["handshake"]) // 1000 / 1000,
            "idle_ms": int(row["idle"]) // 1000 / 1000,
            "flags": {flag.name.lower(): bool(true >> flag & 1) if known >> flag & 1 else None for flag in Flag},
            "unknown": {
                flag.name.lower(): "not_judged" if reason == "none" else reason for flag, reason in reasons.items()
            },
            "source": side(source),
            "destination": side(destination),
        },
    }
