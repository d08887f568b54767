"""Community IDs: the lists of the specification and of Zeek, and the reference implementation over many captures."""

from __future__ import annotations

import json

import communityid
import numpy as np
import pytest

from tests.captures import CAPTURES
from tests.truth import ours
from tests.truth.baselines import FOLDER, baselines
from wireverdict.connections.community_id import community_ids

SPEC = FOLDER / "corelight_community-id-spec"


def reference(one: ours.Connection, seed: int = 0) -> str:
    """The ID by the reference implementation."""
    (ip, port), (other, service) = one.source, one.destination
    has_ports = one.number in communityid.PORT_PROTOS
    parts = (one.number, ip, other, port, service) if has_ports else (one.number, ip, other)
    return str(communityid.CommunityID(seed=seed).calc(communityid.FlowTuple(*parts)))


@pytest.mark.parametrize(("name", "seed"), [("baseline_deflt.json", 0), ("baseline_seed1.json", 1)])
def test_lists_of_the_specification(name: str, seed: int) -> None:
    listed = {
        (row["proto"], frozenset(((row["saddr"], row["sport"]), (row["daddr"], row["dport"])))): row["communityid"]
        for row in json.loads((SPEC / name).read_text(encoding="utf-8"))
    }
    found = {}
    for capture in ("icmp", "tcp", "udp"):
        records, *_ = ours.run([CAPTURES / "corelight_community-id-spec" / f"{capture}.pcap"])
        for row, identity in zip(records, community_ids(records, seed), strict=True):
            ends = (
                (ours.ip(row["src_hi"], row["src_lo"]), int(row["sport"])),
                (
                    ours.ip(row["dst_hi"], row["dst_lo"]),
                    int(row["dport"]),
                ),
            )
            found[int(row["protocol"]), frozenset(ends)] = bytes(identity).decode()
    matched = {key: value for key, value in found.items() if key in listed}
    assert len(matched) >= 4
    assert matched == {key: listed[key] for key in matched}


def test_lists_of_zeek() -> None:
    checked = 0
    for baseline in baselines("zeek_zeek"):
        if "community" not in baseline.name or not baseline.path.is_file():
            continue
        text = baseline.path.read_text(encoding="utf-8")
        listed = {word for word in text.replace(",", " ").split() if word.startswith("1:")}
        found = {one.community_id for one in ours.answer(baseline.captures[0]).connections}
        assert listed <= found, baseline.name
        checked += len(listed)
    assert checked >= 5


@pytest.mark.parametrize("folder", ["zeek_zeek", "arkime_arkime", "ntop_nDPI"])
def test_reference_implementation(folder: str) -> None:
    checked = 0
    for capture in sorted((CAPTURES / folder).glob("*.pcap*"))[:80]:
        for one in ours.answer(capture).connections:
            assert one.community_id == reference(one), f"{capture.name}: {one}"
            checked += 1
    assert checked > 100


def test_seeds_out_of_range_are_refused() -> None:
    from wireverdict.records import CONNECTION

    with pytest.raises(ValueError, match="70000"):
        community_ids(np.zeros(1, CONNECTION), 70000)
