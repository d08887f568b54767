"""What subjects learn to be usual."""

from __future__ import annotations

import json

from wireverdict.detectors.baselines import Baselines, Usual


def test_medians_and_quartiles() -> None:
    baselines = Baselines(most=100, keys=10)
    assert baselines.usual((1,)) is None
    for k in range(8):
        baselines.teach((1,), k / 10, 100 + k)
    assert baselines.usual((1,)) == Usual(0.35, 103.5, 0.6 - 0.2, 8)
    assert baselines.windows((1,)) == 8
    assert baselines.windows((2,)) == 0


def test_old_windows_and_old_keys_are_forgotten() -> None:
    baselines = Baselines(most=3, keys=2)
    for k in range(5):
        baselines.teach((1,), float(k), k)
    assert baselines.usual((1,)) == Usual(3.0, 3, 2.0, 3)
    baselines.teach((2,), 1.0, 1)
    baselines.teach((1,), 1.0, 1)
    baselines.teach((3,), 1.0, 1)
    assert [baselines.windows((k,)) for k in (1, 2, 3)] == [3, 0, 1]


def test_quick_no() -> None:
    baselines = Baselines(most=3, keys=2)
    assert not baselines.below((1,), 0.0, 2.0)
    baselines.teach((1,), 1.0, 100)
    assert not baselines.below((1,), 0.5, 2.0)
    assert baselines.below((1,), 0.4, 2.0)


def test_survives_as_json() -> None:
    baselines, again = Baselines(3, 9), Baselines(3, 9)
    for k in range(20):
        baselines.teach((k % 4, k % 3), k / 7, k)
    again.load(json.loads(json.dumps(baselines.dump())))
    assert again.dump() == baselines.dump()
    assert again.usual((1, 1)) == baselines.usual((1, 1))
