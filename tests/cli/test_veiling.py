"""Anonymised runs: what leaves the host, from real captures and from one that is full of what must not leave."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import DEMO, run
from tests.cli.test_capture import received, rows_of, settings_of
from tests.streams.broker import Bus
from wireverdict.cli.veiling import VARIABLE, open_veil, read_key
from wireverdict.privacy.settings import PrivacySettings

KEY = "0123456789abcdeffedcba9876543210" * 2
CANARY = b"CANARY-in-the-payload"
NAME = b"\x06secret\x07example\x00"


def ipv4(protocol: int, body: bytes, back: bool = False) -> bytes:
    ends = [ipaddress.ip_address(text).packed for text in ("10.11.12.13", "198.51.100.77")]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0)
    return head + (ends[1] + ends[0] if back else ends[0] + ends[1]) + body


def udp(sport: int, dport: int, body: bytes) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(body), 0) + body


def tcp(flags: int, body: bytes) -> bytes:
    return struct.pack(">HHIIBBHHH", 40_000, 80, 1, 1, 5 << 4, flags, 1000, 0, 0) + body


def record(text: bytes) -> bytes:
    """A TXT record that answers the question."""
    return b"\xc0\x0c" + struct.pack(">HHIHB", 16, 1, 60, len(text) + 1, len(text)) + text


def full_of_canaries() -> bytes:
    """A capture of packets that carry CANARY wherever payload can be, and Ethernet addresses of their own."""
    question = NAME + struct.pack(">HH", 16, 1)
    asked = udp(5353 + 1, 53, struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + question)
    packets = [
        ipv4(17, asked),
        ipv4(17, udp(53, 5354, struct.pack(">6H", 7, 0x8180, 1, 1, 0, 0) + question + record(CANARY)), back=True),
        ipv4(17, udp(9999, 9998, CANARY * 3)),
        ipv4(6, tcp(0x02, b"")),
        ipv4(6, tcp(0x18, CANARY)),
        ipv4(1, struct.pack(">BBHHH", 8, 0, 0, 1, 1) + CANARY),
        ipv4(1, struct.pack(">BBHI", 3, 3, 0, 0) + ipv4(17, udp(9999, 9998, CANARY)), back=True),
        ipv4(47, struct.pack(">HH", 0, 0x0800) + ipv4(17, udp(1, 2, CANARY))),
        ipv4(132, struct.pack(">HHII", 1, 2, 3, 0) + CANARY),
    ]
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
    for number, packet in enumerate(packets):
        frame = b"\xde\xad\xbe\xef\x00\x01\xde\xad\xbe\xef\x00\x02\x08\x00" + packet
        data += struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), len(frame)) + frame
    return data


@pytest.mark.services
@pytest.mark.parametrize("veiled", [False, True], ids=["clear", "anonymised"])
def test_nothing_past_the_transport_header_leaves_but_the_question(tmp_path: Path, veiled: bool) -> None:
    (tmp_path / "a.pcap").write_bytes(full_of_canaries())
    bus = Bus(partitions=2)
    given = (*(["--anonymise"] if veiled else []), "--sensor", "one", "--log", "json")
    told = run("capture", str(tmp_path / "a.pcap"), *given, **settings_of(bus), WIREVERDICT_PRIVACY_KEY=KEY)
    assert told.status == 0, told.err
    sent = b""
    rows = 0
    for messages in received(bus):
        decoded = rows_of(messages)
        rows += len(decoded.rows)
        headers = repr([envelope.to_headers() for envelope, _ in messages]).encode()
        sent += b"".join(value for _, value in messages) + decoded.rows.tobytes() + decoded.names.tobytes() + headers
    assert rows >= 9
    for part in (CANARY[:6], CANARY[-7:], b"\xde\xad\xbe\xef"):
        assert part not in sent
        assert part[::-1] not in sent
    assert (b"secret.example" in sent) == (not veiled)
    for text in ("10.11.12.13", "198.51.100.77"):
        packed = ipaddress.ip_address(text).packed
        assert (packed in sent or packed[::-1] in sent) == (not veiled)
    for secret in (KEY, KEY[:12], bytes.fromhex(KEY)[:6].hex()):
        assert secret not in told.err + told.out
        assert secret.encode() not in sent
    assert ("headers are anonymised" in told.err) == veiled


def found(*options: str, **settings: Any) -> list[dict[str, Any]]:
    told = run("analyze", "--json", DEMO, *options, **settings)
    assert told.status == 1, told.err
    return [json.loads(line) for line in told.out.splitlines()]


def test_the_same_verdicts_about_other_addresses() -> None:
    clear, veiled = found(), found("--anonymise", WIREVERDICT_PRIVACY_KEY=KEY)
    assert veiled == found("--anonymise", WIREVERDICT_PRIVACY_KEY=KEY)
    assert len(clear) == len(veiled)
    text = json.dumps(veiled)
    assert "198.18.0.2" not in text
    assert "2001:db8:18::" not in text
    kinds = [
        sorted(
            (each["rule"]["id"], each["event"]["start"], each["wireverdict"]["status"])
            for each in part
            if "rule" in each
        )
        for part in (clear, veiled)
    ]
    assert kinds[0] == kinds[1] != []
    mapping: dict[str, str] = {}
    order = [
        sorted(
            (each for each in part if "connection" in each["event"]["dataset"]), key=lambda each: each["event"]["start"]
        )
        for part in (clear, veiled)
    ]
    for one, two in zip(*order, strict=True):
        assert one["network"]["bytes"] == two["network"]["bytes"]
        if one["source"].get("port") == two["source"].get("port"):
            assert mapping.setdefault(one["source"]["ip"], two["source"]["ip"]) == two["source"]["ip"]
    assert mapping


def test_home_is_where_it_was() -> None:
    """Ratios by home networks are about incoming and outgoing packets, which need home behind the veil as well."""
    names = {"10.0.0.0/8", "198.18.0.0/15", "2001:db8:18::/48"}
    given = [part for name in names for part in ("--home-net", name)]
    clear, veiled = found(*given), found(*given, "--anonymise", WIREVERDICT_PRIVACY_KEY=KEY)
    rules = [sorted(each["rule"]["id"] for each in part if "rule" in each) for part in (clear, veiled)]
    assert rules[0] == rules[1]


def test_clear_needs_no_key() -> None:
    assert open_veil(PrivacySettings(), {}) is None


def test_a_key_from_a_file_or_the_environment(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o600)
    both = PrivacySettings(names="hashed", key_file=str(file))
    with caplog.at_level(logging.INFO):
        one = open_veil(both, {VARIABLE: "unused"})
        two = open_veil(PrivacySettings(names="hashed"), {VARIABLE: KEY})
        assert one is not None
        assert two is not None
        assert one.name("a.example") == two.name("a.example")
        assert "chmod" not in caplog.text
        file.chmod(0o644)
        read_key(both, {})
    assert "everybody on this host may read the privacy key" in caplog.text
    assert not re.search(KEY[:10], caplog.text)


def test_a_missing_or_wrong_key_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"set privacy.key_file or the environment variable"):
        open_veil(PrivacySettings(names="hashed"), {})
    with pytest.raises(ValueError, match=r"cannot read the privacy key in .*nowhere: No such file"):
        open_veil(PrivacySettings(addresses="crypto-pan", key_file=str(tmp_path / "nowhere")), {})
    told = run("analyze", "--anonymise", DEMO, WIREVERDICT_PRIVACY_KEY="my-password")
    assert told.status == 2
    assert "64 hexadecimal digits" in told.err
    assert "my-password" not in told.err
    assert "Traceback" not in told.err
