"""The plan: as many as asked for, no two with the same addresses and ports, and the shares that were promised."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import plan

KEY = ["src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "protocol"]


def made(kind: str, n: int) -> NDArray[np.void]:
    dice = np.random.default_rng(5)
    rows: NDArray[np.void] = plan.tcp(n, 15.0, 60.0, dice) if kind == "tcp" else getattr(plan, kind)(n, 60.0, dice)
    return rows


@pytest.mark.parametrize("kind", ["tcp", "dns", "live", "flood"])
def test_no_two_are_the_same(kind: str) -> None:
    rows = made(kind, 50_000)
    assert len(rows) == 50_000
    assert len(np.unique(rows[KEY])) == 50_000


@pytest.mark.parametrize("kind", ["tcp", "dns"])
def test_shares(kind: str) -> None:
    rows = made(kind, 50_000)
    assert abs(float(np.mean(rows["ipv6"])) - 0.2) < 0.01
    assert rows["rtt"].min() >= 1_000_000
    assert rows["rtt"].max() <= 200_000_000
    assert np.all(np.diff(rows["start"]) >= 0)


def test_every_request_has_a_segment() -> None:
    rows = made("tcp", 10_000)
    assert np.all(rows["segments"] >= rows["requests"])


def test_too_many_for_the_ports() -> None:
    rows = np.zeros(66_000 * 200, plan.CONN[["src_hi", "src_lo", "sport", "ipv6"]])
    with pytest.raises(ValueError, match="do not fit"):
        plan._clients(rows[: 66_000 * 1], np.random.default_rng(1), 65_500)
