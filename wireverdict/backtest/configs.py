"""Configurations that are compared: what they differ in, and which of them can share a pass over the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from wireverdict.compose import detectors
from wireverdict.settings import Given, Settings, SettingsError, beyond

CORE = ("capture", "tracking", "windows", "paths")
"""Sections that change what a window holds. `detectors` and `alerts` only change what is said of it; others say nothing."""
JUDGED = (*CORE, "detectors", "alerts")
"""Sections that can change a verdict."""


class Config(NamedTuple):
    """Settings under the name that the report calls them by."""

    name: str
    settings: Settings


class Varied(msgspec.Struct, frozen=True):
    """A setting that is not the same in all configurations: its dotted key, and its value in each (JSON values)."""

    key: str
    values: list[Any]


def core(settings: Settings) -> bytes:
    """Equal for settings whose windows are the same, so that one pass of decoding, tracking and summing serves all."""
    return msgspec.json.encode({section: getattr(settings, section) for section in CORE})


def passes(settings: Sequence[Settings]) -> list[list[int]]:
    """Numbers of the settings that share a pass, by pass, in the order in which they were given."""
    groups: dict[bytes, list[int]] = {}
    for number, one in enumerate(settings):
        groups.setdefault(core(one), []).append(number)
    return list(groups.values())


def varied(settings: Sequence[Settings]) -> list[Varied]:
    """Settings that can change a verdict and are not the same everywhere, in the order of config/wireverdict.toml."""
    flat = [flatten(one) for one in settings]
    keys = dict.fromkeys(key for one in flat for key in one)
    found = []
    for key in keys:
        values = [one.get(key) for one in flat]
        if any(value != values[0] for value in values):
            found.append(Varied(key, values))
    return found


def flatten(settings: Settings) -> dict[str, Any]:
    """Dotted keys and JSON values of all settings that can change a verdict, those of plug-ins included."""
    flat: dict[str, Any] = {}

    def walk(table: dict[str, Any], path: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                walk(value, f"{path}{key}.")
            else:
                flat[path + key] = value

    tables = msgspec.to_builtins(settings)
    tables["detectors"].pop("given", None)
    for section, table in _of_others(settings).items():
        tables["detectors"][section] = table
    walk({section: tables[section] for section in JUDGED}, "")
    return flat


def _of_others(settings: Settings) -> dict[str, dict[str, Any]]:
    """Settings of plug-ins by section, as they have them: defaults too. Raises ValueError for what a plug-in refuses."""
    if not settings.detectors.plugins:
        return {}
    inner = [getattr(detector, "inner", None) for detector in detectors(settings.detectors)]
    return {
        one.name.replace("-", "_"): msgspec.to_builtins(one.settings)
        for one in inner
        if one is not None and isinstance(getattr(one, "settings", None), msgspec.Struct)
    }


def value_of(settings: Settings, key: str) -> Any:
    """The value of a dotted key. Raises SettingsError if there is none."""
    flat = flatten(settings)
    if key not in flat:
        import difflib

        near = difflib.get_close_matches(key, flat, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SettingsError(f"there is no setting {key} that could change a verdict{hint}")
    return flat[key]


def with_value(settings: Settings, key: str, value: Any) -> Settings:
    """Settings with one dotted key changed. Raises SettingsError for a key that there is not, or a value that cannot be."""
    value_of(settings, key)
    *sections, name = key.split(".")
    try:
        if len(sections) == 2 and sections[1] in _of_others(settings):
            made = _given(settings, sections[1], name, value)
        else:
            tables = msgspec.to_builtins(settings)
            table = tables
            for section in sections:
                table = table[section]
            if refused := beyond(value):
                raise ValueError(refused)
            table[name] = value
            made = msgspec.convert(tables, Settings)
        _of_others(made)
        return made
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"{key} = {value}: {str(error).partition(' - at ')[0]}") from None


def _given(settings: Settings, section: str, name: str, value: Any) -> Settings:
    """Settings with one of a plug-in changed."""
    old = settings.detectors.given
    kept = [one for one in old or () if (one.section, one.key) != (section, name)]
    given = (*kept, Given(section, name, value, "--sweep"))
    return msgspec.structs.replace(settings, detectors=msgspec.structs.replace(settings.detectors, given=given))
