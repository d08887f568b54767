"""Before anything is imported: kernels that only kernels call are to be callable from tests."""

from __future__ import annotations

import os

os.environ["WIREVERDICT_KERNELS"] = "in-process"

import hypothesis

import wireverdict.kernels

del os.environ["WIREVERDICT_KERNELS"]  # programs that tests start run kernels as they do anywhere
assert wireverdict.kernels.MODE == wireverdict.kernels.IN_PROCESS

# A busy machine is no fault of the code: nothing here is judged by the time that it takes.
hypothesis.settings.register_profile("wireverdict", deadline=None)
hypothesis.settings.load_profile("wireverdict")
