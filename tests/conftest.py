"""Before anything is imported: kernels that only kernels call are to be callable from tests."""

from __future__ import annotations

import os

os.environ["WIREVERDICT_CALLABLE_HELPERS"] = "1"
