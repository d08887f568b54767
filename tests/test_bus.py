"""Envelopes, names and client options."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.bus import BadMessage, BusSettings, Envelope, Kind, Topic, librdkafka

NUMBERS = st.integers(0, 2**63 - 1)


@given(st.text(), st.text(), NUMBERS, st.sampled_from(Kind), NUMBERS, st.dictionaries(st.text(), NUMBERS))
def test_an_envelope_survives_its_headers(
    sensor: str, run: str, sequence: int, kind: Kind, clock: int, drops: dict[str, int]
) -> None:
    envelope = Envelope(sensor, run, sequence, kind, clock, 4, drops=drops)
    assert Envelope.from_headers(envelope.to_headers()) == envelope


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (None, "no schema version"),
        ([("wv-schema", b"x")], "no schema version"),
        ([("wv-schema", b"3"), ("wv", b"{}")], "schema version 3, newer than the 2"),
        ([("wv-schema", b"1")], "unreadable envelope"),
        ([("wv-schema", b"1"), ("wv", b'{"sensor": 3}')], "unreadable envelope"),
    ],
)
def test_what_is_no_envelope_is_refused_with_the_reason(headers: list[tuple[str, bytes]] | None, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        Envelope.from_headers(headers)


def test_topics_have_the_prefix() -> None:
    assert BusSettings(prefix="a").topic(Topic.DEAD_LETTERS) == "a.dead-letters"


def test_options_for_sasl_take_the_password_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    settings = BusSettings(
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="me",
        sasl_password_file=str(tmp_path / "password"),
        ca_file="ca.pem",
    )
    assert librdkafka(settings) == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
        "sasl.password": "secret",
        "ssl.ca.location": "ca.pem",
    }


@pytest.mark.parametrize(
    "wrong",
    [{"partitions": 0}, {"replication": 0}, {"security_protocol": "TLS"}, {"security_protocol": "SASL_SSL"}],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="bus"):
        BusSettings(**wrong)  # type: ignore[arg-type]


def test_what_was_sampled_can_be_seen_without_reading_the_envelope() -> None:
    envelope = Envelope("s", "r", 0, Kind.TICK, 1, 1, sampling=0.25, capture={"freezes": 3})
    assert dict(envelope.to_headers())["wv-sampling"] == b"0.25"
    assert Envelope.from_headers(envelope.to_headers()) == envelope
