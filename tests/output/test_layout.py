"""What a list of fields is compiled to. What the kernel makes of it is in test_lines.py."""

from __future__ import annotations

import pytest

from wireverdict.output.fields import FIELDS, Field, Kind
from wireverdict.output.layout import MOST_COLUMNS, Dialect, layout
from wireverdict.records import CONNECTION

PLAIN = Dialect(null="-", quote="'", colon="=", comma="+")


def test_a_word_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="is longer than 32 bytes"):
        layout([("", Field("x", Kind.NAME, ("state",), names=("a" * 33,)))], PLAIN)


def test_runs_are_made_of_all_bits_of_their_columns_and_no_others() -> None:
    made = layout([("", field) for field in FIELDS], PLAIN)
    named = {run for field in FIELDS if (run := field.run)}
    assert len(made.runs) == len(named) == 5
    for run in made.runs:
        begins = made.operations["run"].tolist().index(made.runs.tolist().index(run.tolist()))
        fields = FIELDS[begins : run["after"]]
        assert len({field.run for field in fields}) == 1
        assert fields[0].run
        bits = {
            word * 64 + bit
            for mask, word in made.run_columns[run["first"] :][: run["count"]].tolist()
            for bit in range(64)
            if mask >> bit & 1
        }
        expected = set()
        for field in fields:
            for name in field.columns:
                dtype, offset = CONNECTION, 0
                for part in name.split("."):
                    dtype, inner = dtype.fields[part][:2]  # type: ignore[index]
                    offset += inner
                expected |= set(range(offset * 8, (offset + dtype.itemsize) * 8))
        assert bits == expected


def test_a_run_of_too_many_words_is_refused() -> None:
    words = ("src_hi", "src_lo", "dst_hi", "dst_lo", "first_ts", "last_ts", "handshake", "idle", "flags_true")
    assert len(words) > MOST_COLUMNS
    with pytest.raises(ValueError, match="run 'long' is made of 9 words"):
        layout([("", Field(name, Kind.INTEGER, (name,), run="long")) for name in words], PLAIN)


def test_the_same_text_stands_once() -> None:
    made = layout([("", field) for field in FIELDS], PLAIN)
    methods = [at for at, field in enumerate(FIELDS) if field.name.endswith("rtt.method")]
    assert len({int(made.operations["words"][at]) for at in methods}) == 1
