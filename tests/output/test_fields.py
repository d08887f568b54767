"""The table of fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wireverdict.output.fields import FIELDS, FLAGS, METHODS, PROTOCOLS, REASONS, STATES, Kind
from wireverdict.records import CONNECTION, SIDE, Flag, Reason, RttMethod, State

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "output.md"


def columns() -> set[str]:
    return {column for field in FIELDS for column in field.columns}


def test_every_column_of_a_record_is_told() -> None:
    assert CONNECTION.names is not None
    assert SIDE.names is not None
    sides = {f"{side}.{name}" for side in ("source", "destination") for name in SIDE.names if name != "pad"}
    assert columns() == {name for name in CONNECTION.names if name not in ("source", "destination")} | sides


def test_names_are_unique_and_objects_stand_together() -> None:
    names = [field.name for field in FIELDS]
    assert len(set(names)) == len(names)
    for depth in (1, 2, 3):
        objects = [tuple(name.split(".")[:depth]) for name in names if name.count(".") >= depth]
        seen = [object for at, object in enumerate(objects) if at == 0 or objects[at - 1] != object]
        assert len(set(seen)) == len(seen)


def test_words_follow_the_codes() -> None:
    assert [STATES[state] for state in State] == [state.name for state in State]
    assert [FLAGS[flag] for flag in Flag] == [flag.name.lower() for flag in Flag]
    assert [METHODS[method] for method in RttMethod][1:] == [m.name.lower() for m in RttMethod][1:]
    assert [REASONS[reason] for reason in Reason][1:] == [r.name.lower() for r in Reason][1:]
    assert len(PROTOCOLS) == 256
    assert [PROTOCOLS[n] for n in (1, 6, 17, 58, 132, 254)] == [
        "icmp",
        "tcp",
        "udp",
        "ipv6-icmp",
        "sctp",
        "protocol-254",
    ]


def test_flags_fit_the_columns() -> None:
    assert len(FLAGS) <= CONNECTION["reasons"].shape[0]
    assert len(FLAGS) <= 8 * np.dtype(CONNECTION["flags_true"]).itemsize


def test_every_field_is_described() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    names = [field.name.replace(".destination.", ".source.") for field in FIELDS if field.kind != Kind.FLAG]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert [word for word in (*FLAGS, *REASONS, *METHODS[1:], *STATES) if f"`{word}`" not in text] == []


def test_kinds_are_all_used() -> None:
    assert {field.kind for field in FIELDS} | {Kind.ID} == set(
        Kind
    )  # ID: only where a record has a sensor (json_records)
