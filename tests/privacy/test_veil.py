"""What is left of headers behind the veil, on real captures."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.headers import DEMO, batches, losing
from wireverdict.headers import HEADER, QUESTION, QUOTED, HeaderBatch
from wireverdict.partition import divide
from wireverdict.privacy.key import Key
from wireverdict.privacy.settings import PrivacySettings
from wireverdict.privacy.veil import Veil
from wireverdict.windows.home import address_halves

KEY = Key("5f" * 16 + "0123456789abcdef" * 2, "test")
BOTH = PrivacySettings(addresses="crypto-pan", names="hashed")
ADDRESSES = [name for name in HEADER.fields or {} if name.endswith(("_hi", "_lo"))]
CHANGED = {*ADDRESSES, "dns_qhash", "name_offset", "name_length"}


def names(batch: HeaderBatch) -> list[bytes]:
    return [
        batch.names[offset:][:length].tobytes()
        for offset, length in batch.rows[["name_offset", "name_length"]].tolist()
    ]


@pytest.mark.parametrize("path", [DEMO, losing()], ids=["dns", "policed"])
def test_nothing_but_addresses_and_names_changes_and_all_of_those_do(path: object) -> None:
    veil = Veil(BOTH, KEY)
    mapping: dict[tuple[int, int], tuple[int, int]] = {}
    words: dict[bytes, bytes] = {}
    for batch in batches(path):  # type: ignore[arg-type]
        before = copy.deepcopy(batch)
        seen = veil.apply(batch)
        assert np.array_equal(batch.rows, before.rows)
        assert all(
            np.array_equal(seen.rows[name], batch.rows[name]) for name in HEADER.names or () if name not in CHANGED
        )
        for end in ("src", "dst", "quoted_src", "quoted_dst"):
            rows = batch.rows["present"] & QUOTED > 0 if end.startswith("quoted") else np.ones(len(batch.rows), bool)
            assert not seen.rows[f"{end}_lo"][~rows].any()
            columns = [part.rows[rows][f"{end}_{half}"].tolist() for part in (batch, seen) for half in ("hi", "lo")]
            for hi, lo, new_hi, new_lo in zip(*columns, strict=True):
                assert mapping.setdefault((hi, lo), (new_hi, new_lo)) == (new_hi, new_lo)
        asked = batch.rows["present"] & QUESTION > 0
        for old, new in zip(names(batch), names(seen), strict=True):
            assert words.setdefault(old, new) == new
        assert (seen.rows["name_length"][~asked] == 0).all()
    assert len(set(mapping.values())) == len(mapping) > 1
    assert len(set(words.values())) == len(words)
    for address, other in mapping.items():
        assert (address == other) == (address[0] >> 56 == 0xFF or address[1] >> 29 == (0xFFFF << 3 | 7))


def test_batches_and_earlier_ones_make_no_difference() -> None:
    whole, pieces = Veil(BOTH, KEY), Veil(BOTH, KEY)
    for batch in batches(DEMO):
        first = copy.deepcopy(whole.apply(batch))
        cut = [
            copy.deepcopy(pieces.apply(HeaderBatch(batch.rows[k : k + 100], batch.names)))
            for k in range(0, len(batch.rows), 100)
        ]
        rows = np.concatenate([part.rows for part in cut])
        rows["name_offset"] = first.rows["name_offset"]
        assert np.array_equal(first.rows, rows)
        assert names(first) == [name for part in cut for name in names(part)]
        fresh = Veil(BOTH, KEY).apply(batch)
        assert np.array_equal(fresh.rows, first.rows)
        assert np.array_equal(fresh.names, first.names)


def test_both_directions_still_meet_on_every_sensor() -> None:
    one, two = Veil(BOTH, KEY), Veil(BOTH, KEY)
    for batch in batches(DEMO):
        back = batch.rows.copy()
        for half in ("hi", "lo"):
            back[f"src_{half}"], back[f"dst_{half}"] = batch.rows[f"dst_{half}"], batch.rows[f"src_{half}"]
        there = divide(one.apply(batch).rows, 16)
        assert np.array_equal(there, divide(two.apply(HeaderBatch(back, batch.names)).rows, 16))
        assert len(np.unique(there)) > 1


@given(st.sampled_from(["clear", "crypto-pan"]), st.sampled_from(["clear", "hashed"]))
def test_each_half_alone(addresses: str, hashed: str) -> None:
    settings = PrivacySettings(addresses=addresses, names=hashed)  # type: ignore[arg-type]
    batch = next(batches(DEMO))
    seen = Veil(settings, KEY).apply(batch)
    assert np.array_equal(seen.rows["src_lo"], batch.rows["src_lo"]) == (addresses == "clear")
    assert np.array_equal(seen.rows["dns_qhash"], batch.rows["dns_qhash"]) == (hashed == "clear")
    assert (names(seen) == names(batch)) == (hashed == "clear")


def test_single_addresses_networks_and_names() -> None:
    veil = Veil(BOTH, KEY)
    rows = np.zeros(1, HEADER)
    rows["src_hi"], rows["src_lo"] = address_halves("192.0.2.77")
    seen = veil.apply(HeaderBatch(rows, np.zeros(0, np.uint8))).rows[0]
    assert address_halves(veil.address("192.0.2.77")) == (seen["src_hi"], seen["src_lo"])
    assert veil.networks(["192.0.2.77/32"]) == (f"{veil.address('192.0.2.77')}/32",)
    assert len(veil.name("example.org")) == 16
    plain = Veil(PrivacySettings(), KEY)
    assert (plain.address("192.0.2.77"), plain.name("example.org")) == ("192.0.2.77", "example.org")


def test_it_names_its_key_by_the_check_alone() -> None:
    veil = Veil(BOTH, KEY)
    assert KEY.check in repr(veil)
    assert KEY.check in veil.run
    assert KEY.addresses.hex()[:12] not in repr(veil) + veil.run
    assert Veil(BOTH, Key("0123456789abcdef" * 4, "x")).run != veil.run
