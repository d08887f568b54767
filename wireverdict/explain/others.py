"""Explanations of detectors that are not ours: their own, if their code is at hand, else their evidence."""

from __future__ import annotations

import inspect
from typing import Any

from wireverdict.explain.parts import Evidence, Explanation


def explained(rule: str, evidence: Evidence, settings: Any) -> Explanation:
    """`settings`: a `wireverdict.settings.Settings` whose plug-ins have been provided.

    A plug-in may have a function `explain(evidence, settings)`, which gets its own settings and gives an Explanation; if it has
    none, or it fails, its docstring says the rule.
    """
    kind = None
    if settings.detectors.plugins:
        from wireverdict.detectors.registry import find, settings_of

        kind = find(settings.detectors, rule)
    if kind is None:
        return Explanation(
            [
                f"{rule} is a detector that this command does not know: name it (--detector) to read its own explanation.",
                numbers(evidence),
            ]
        )
    mine, failed = settings_of(kind, settings.detectors), []
    explain = getattr(kind, "explain", None)
    if explain is not None:
        try:
            made = explain(dict(evidence), mine)
            if isinstance(made, Explanation):
                return made
            if made is not None:
                failed = [f"Its own explanation is {type(made).__name__} and no Explanation."]
        except Exception as error:  # noqa: BLE001 - it is others' code
            failed = [f"Its own explanation failed: {type(error).__name__}: {error}."]
    values = ", ".join(f"{field} = {getattr(mine, field)!r}" for field in mine.__struct_fields__)
    about = " ".join((inspect.getdoc(kind) or f"{rule} is the detector {kind.__name__}.").split())
    said = [about, numbers(evidence), *([f"Its settings: {values}."] if values else []), *failed]
    return Explanation(said)


def numbers(evidence: Evidence) -> str:
    """The evidence in a line."""
    told = [f"{name} {value}" for name, value in evidence.items() if isinstance(value, int | float | str)]
    return "Its evidence: " + ", ".join(told) + "." if told else "It gave no evidence."
