"""Before anything is imported: kernels that only kernels call are to be callable from tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

os.environ["WIREVERDICT_KERNELS"] = "in-process"

import hypothesis
import pytest

import wireverdict.kernels

if TYPE_CHECKING:
    from tests.services.kafka import KafkaServer

del os.environ["WIREVERDICT_KERNELS"]  # programs that tests start run kernels as they do anywhere
assert wireverdict.kernels.MODE == wireverdict.kernels.IN_PROCESS

# A busy machine is no fault of the code: nothing here is judged by the time that it takes. Nor is a change judged by
# examples that nobody drew before it: a commit has the same ones wherever it is tested; `make explore` draws others.
hypothesis.settings.register_profile("settled", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, print_blob=True, max_examples=300)
hypothesis.settings.load_profile("settled")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker that a test may stop; the others share one that stays."""
    from tests.services.kafka import KafkaServer

    made = KafkaServer(tmp_path_factory.mktemp("kafka"))
    made.start()
    yield made
    made.stop()
