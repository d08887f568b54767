"""Open windows as a snapshot, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.headers import DEMO, SETTINGS, batches, losing
from wireverdict import compose, snapshot
from wireverdict.shard import Shard
from wireverdict.windows.part import WindowPart
from wireverdict.windows.windows import Windows


def filled(path: Any, many: int) -> Shard:
    shard = compose.shard(SETTINGS, 1)
    for number, batch in enumerate(batches(path, 300)):
        if number == many:
            break
        shard.feed(batch)
    return shard


def copied(windows: Windows) -> dict[str, Any]:
    return snapshot.unpack(snapshot.pack(windows.dump()))


def closed(windows: Windows) -> list[bytes]:
    return [part.to_bytes() for _, part in windows.finish() if isinstance(part, WindowPart)]


@pytest.mark.parametrize("path", [DEMO, losing()])
def test_restored_windows_close_as_the_first_would(path: Any) -> None:
    for many in (1, 7, 20):
        first = filled(path, many).windows
        second = Windows(SETTINGS.windows, SETTINGS.capture.home_networks)
        second.load(copied(first))
        told = closed(first)
        assert told
        assert closed(second) == told


CHANGES: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    lambda told: told | {"ring": told["ring"][:-1]},
    lambda told: told | {"places": told["places"][:-1]},
    lambda told: told | {"places": [place | {"keys": place["keys"][:-1]} for place in told["places"]]},
    lambda told: told | {"stalls": np.zeros(0, told["stalls"].dtype)},
    lambda told: told | {"scalars": told["scalars"] + 1},
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_is_refused(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    told = change(copied(filled(DEMO, 5).windows))
    with pytest.raises(ValueError, match="snapshot"):
        Windows(SETTINGS.windows, SETTINGS.capture.home_networks).load(told)
