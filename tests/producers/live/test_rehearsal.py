"""What is done before the first packet comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from producers.live.rehearsal import MANY, rehearse

AFTER = """
from producers.live.rehearsal import rehearse
from wireverdict import kernels
from wireverdict.codec import ipc
rehearse(4)
known, loaded = len(ipc._templates), {each.name for each in kernels.NATIVE if each._entry is not None}
rehearse(4)
assert len(ipc._templates) == known >= 4
print(*sorted(loaded))
"""


@pytest.mark.parametrize("partitions", [1, 4])
def test_all_packets_of_the_rehearsal_come_through(partitions: int) -> None:
    assert rehearse(partitions) == 2 * (2 + MANY)


def test_kernels_are_in_memory_then() -> None:
    done = subprocess.run((sys.executable, "-c", AFTER), capture_output=True, text=True, check=True)
    wanted = {
        "decode.fast.decode_frames",
        "decode.copies.mark_copies",
        "partition.number",
        "codec.pack.pack",
        "codec.lay.lay",
    }
    assert wanted | {"live.walk.take"} <= {name.split(".", 1)[1] for name in done.stdout.split()}
