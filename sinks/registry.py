"""Sinks by name: ours, and those that other packages bring under the entry point group ``wireverdict.sinks``."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable

from sinks.base import Sink
from wireverdict.settings import Settings

GROUP = "wireverdict.sinks"
OURS = (
    "alertmanager",
    "apprise",
    "elasticsearch",
    "files",
    "opensearch",
    "opsgenie",
    "pagerduty",
    "parquet",
    "splunk",
    "syslog",
    "webhook",
)
"""Names, which are those of modules here and of sections of settings."""


def names(settings: Settings | None = None) -> list[str]:
    """All that can be run, with those that settings make."""
    made = [f"webhook.{each.name}" for each in settings.sinks.webhooks] if settings is not None else []
    return sorted({*OURS, *made, *(point.name for point in importlib.metadata.entry_points(group=GROUP))})


def make(name: str, settings: Settings) -> Sink:
    """The sink of that name; ``webhook.NAME``: of sinks.webhooks.

    Raises ValueError for an unknown name, for settings that cannot be, and for a plug-in that is no sink; ImportError if a
    library is missing.
    """
    if name in OURS:
        factory: Callable[[Settings], Sink] = importlib.import_module(f"sinks.{name}").make
        return factory(settings)
    ours, dot, own = name.partition(".")
    if dot and ours == "webhook":
        return importlib.import_module("sinks.webhook").make(settings, own)  # type: ignore[no-any-return]
    for point in importlib.metadata.entry_points(group=GROUP, name=name):
        made = point.load()(settings)
        if not isinstance(made, Sink):
            raise ValueError(f"the plug-in {point.value} gives a {type(made).__name__}, not a sinks.base.Sink")
        return made
    raise ValueError(f"there is no sink {name!r}; known are {', '.join(names(settings))}")
