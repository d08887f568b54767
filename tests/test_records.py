from __future__ import annotations

import numpy as np
import pytest

from wireverdict.connections.history import MAX_LETTERS
from wireverdict.records import CONNECTION, SIDE, Flag, Reason, RttMethod, State


def test_rows_have_no_hidden_gaps() -> None:
    for kind in (SIDE, CONNECTION):
        assert kind.isalignedstruct
        assert sum(kind[name].itemsize for name in kind.names or ()) == kind.itemsize


def test_states_are_zeek_s() -> None:
    names = "S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH"
    assert {state.name for state in State} == set(names.split())


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (CONNECTION["state"], State),
        (SIDE["rtt_method"], RttMethod),
        (CONNECTION["reasons"].base, Reason),
    ],
)
def test_values_fit_their_fields(kind: np.dtype[np.uint8], values: type[State]) -> None:
    assert sorted(values) == list(range(len(values)))
    assert max(values) <= np.iinfo(kind).max


def test_flags_have_a_bit_and_a_reason_each() -> None:
    assert sorted(Flag) == list(range(len(Flag)))
    assert len(Flag) <= CONNECTION["reasons"].shape[0]
    assert len(Flag) <= 8 * CONNECTION["flags_true"].itemsize == 8 * CONNECTION["flags_known"].itemsize


def test_an_empty_record_claims_nothing() -> None:
    empty = np.zeros(1, CONNECTION)[0]
    assert (empty["flags_known"], empty["flags_true"], empty["state"]) == (0, 0, State.OTH)
    assert RttMethod(int(empty["source"]["rtt_method"])) is RttMethod.NONE
    assert Reason(0) is Reason.NONE


def test_a_history_fits() -> None:
    assert CONNECTION["history"].shape[0] >= MAX_LETTERS
