"""Detectors of others, by the name under which settings ask for them. Pure: who loads code provides the classes.

What loads is an edge (`wireverdict.cli.plugins`); it calls `provide` in each process that judges. From then on settings that
name the plug-in make it a detector wherever judges are made.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import msgspec

from wireverdict.detectors.base import API, Detector, NoSettings
from wireverdict.detectors.guard import Guard, described
from wireverdict.settings import DetectorSettings, Given, SettingsError, fields_of

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PROVIDED: dict[str, type] = {}


def provide(spec: str, kind: type) -> None:
    """Make a class known by the name that settings use for it. Raises ValueError for one that cannot be a detector."""
    check(spec, kind)
    _PROVIDED[spec] = kind


def provided(spec: str) -> type:
    """Its class. Raises ValueError."""
    if spec not in _PROVIDED:
        raise ValueError(f"the detector {spec} has not been loaded")
    return _PROVIDED[spec]


def check(spec: str, kind: Any) -> None:
    """Raises ValueError, with a sentence, for what is no detector of this version."""
    if not isinstance(kind, type):
        raise ValueError(f"the detector {spec} is {kind!r}, not a class")
    what = f"the class {kind.__name__} of {spec}"
    missing = [name for name in ("judge", "dump", "load") if not callable(getattr(kind, name, None))]
    if missing:
        raise ValueError(f"{what} is no detector: it has no method {' and no method '.join(missing)}")
    name, api, struct = (getattr(kind, field, None) for field in ("name", "api", "Settings"))
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f'{what} needs a name in lower-case letters, digits and hyphens, such as name = "slow-dns"')
    if not api:
        raise ValueError(f"{what} does not say for which version of wireverdict it was written: api = {API}")
    if api != API:
        raise ValueError(f"{what} was written for version {api} of the detector interface; this is version {API}")
    if struct is not None and not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
        raise ValueError(f"Settings in {what} is not a msgspec.Struct")


def own(settings: DetectorSettings, taken: Collection[str] = ()) -> list[Detector]:
    """Detectors of the plug-ins that the settings name, in that order, each guarded. `taken`: names that are ours.

    Raises ValueError (SettingsError for values that cannot be).
    """
    made: list[Detector] = []
    owners = dict.fromkeys(taken, "wireverdict itself")
    for spec in settings.plugins:
        kind = provided(spec)
        name = str(getattr(kind, "name", ""))
        if name in owners:
            raise ValueError(f"two detectors are called {name}: that of {spec} and that of {owners[name]}")
        owners[name] = spec
        values = settings_of(kind, settings)
        try:
            made.append(Guard(kind(values)))
        except Exception as error:
            raise ValueError(f"the detector {name} of {spec} cannot start: {described(error)}") from error
    _unclaimed(settings, {section(name) for name in owners if name not in taken})
    return made


def settings_of(kind: type, settings: DetectorSettings) -> msgspec.Struct:
    """A plug-in's own settings: the defaults of its struct, and what was given for it. Raises SettingsError."""
    struct: type[msgspec.Struct] = getattr(kind, "Settings", None) or NoSettings
    mine = {given.key: given for given in _given(settings) if given.section == section(str(getattr(kind, "name", "")))}
    known = fields_of(struct)
    values: dict[str, Any] = {}
    for key, given in mine.items():
        if key not in known:
            raise SettingsError(f"{given.where}: there is no setting {given.name}; {_hint(key, list(known))}")
        try:
            values[key] = _convert(given, known[key].type)
        except msgspec.ValidationError as error:
            said = str(error).replace("`", "")
            raise SettingsError(
                f"{given.where}: {given.name} = {given.value!r}: {said[:1].lower()}{said[1:]}"
            ) from None
    try:
        return struct(**values)
    except (TypeError, ValueError) as error:
        where = "".join(f" ({given.where}: {given.name})" for given in mine.values())
        raise SettingsError(f"settings of {getattr(kind, 'name', '')}: {error}{where}") from None


def find(settings: DetectorSettings, rule: str) -> type | None:
    """The class of the plug-in whose verdicts have that rule.id; None: no plug-in's that the settings name."""
    kinds = (provided(spec) for spec in settings.plugins)
    return next((kind for kind in kinds if getattr(kind, "name", "") == rule), None)


def section(name: str) -> str:
    """The table of settings of a detector."""
    return name.replace("-", "_")


def _given(settings: DetectorSettings) -> tuple[Given, ...]:
    return () if settings.given is msgspec.UNSET else settings.given


def _convert(given: Given, kind: Any) -> Any:
    value = given.value
    if given.text and isinstance(value, str) and getattr(kind, "__origin__", None) in (tuple, list):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return msgspec.convert(value, kind, strict=not given.text)


def _unclaimed(settings: DetectorSettings, sections: Collection[str]) -> None:
    known = [*fields_of(DetectorSettings), *sorted(sections)]
    for given in _given(settings):
        if given.section not in sections:
            raise SettingsError(f"{given.where}: there is no detector {given.section}; {_hint(given.section, known)}")


def _hint(name: str, known: Collection[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known) or 'none'}"
