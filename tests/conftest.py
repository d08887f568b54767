"""Before anything is imported: kernels that only kernels call are to be callable from tests."""

from __future__ import annotations

import os

os.environ["WIREVERDICT_CALLABLE_HELPERS"] = "1"

import hypothesis

# A busy machine is no fault of the code: nothing here is judged by the time that it takes.
hypothesis.settings.register_profile("wireverdict", deadline=None)
hypothesis.settings.load_profile("wireverdict")
