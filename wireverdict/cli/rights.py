"""Giving up rights in the middle of a run, without losing what was going to be imported and linked only when needed."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from producers.live.privileges import drop
from wireverdict import kernels


def give_up(user: str, later: Iterable[str]) -> None:
    """Become `user` and keep no right (see `producers.live.privileges.drop`), once everything is loaded that is otherwise
    loaded when it is first needed: the modules `later`, and all kernels. That user may not be able to read them.

    Raises LiveError, ImportError.
    """
    for name in later:
        importlib.import_module(name)
    for each in kernels.NATIVE:
        each.load()
    drop(user)
