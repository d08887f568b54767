"""Settings for hypothesis: no deadline, since the first example pays for loading kernels."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("decode", deadline=None, max_examples=150)
settings.load_profile("decode")
