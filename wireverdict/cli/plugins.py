"""Loading detectors of others: from files and from entry points. What is loaded is run as code, with all its rights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from wireverdict.settings import Settings

GROUP = "wireverdict.detectors"
F = TypeVar("F", bound=Callable[..., Any])


def detector_option(function: F) -> F:
    """The option ``--detector``, as parameter `detectors` (a tuple of texts)."""
    return click.option(
        "--detector",
        "detectors",
        multiple=True,
        metavar="FILE.py[:Class]",
        help="A detector of your own, or the name of an installed one; repeatable (docs/write-a-detector.md).",
    )(function)


def loaded(chosen: Settings) -> Settings:
    """The settings, once the classes of the plug-ins that they name are known in this process, and everything about them has
    been checked. Raises SettingsError."""
    if not chosen.detectors.plugins:
        return chosen
    from wireverdict import compose
    from wireverdict.detectors.registry import provide
    from wireverdict.settings import SettingsError

    try:
        for spec in chosen.detectors.plugins:
            provide(spec, load(spec))
        compose.detectors(chosen.detectors)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return chosen


def load(spec: str) -> Any:
    """What ``FILE.py``, ``FILE.py:Class`` or the name of an entry point stands for. Raises ValueError."""
    file, colon, name = spec.rpartition(".py:")
    if colon:
        return _named(_module(f"{file}.py"), f"{file}.py", name)
    if spec.endswith(".py"):
        return _only(_module(spec), spec)
    import importlib.metadata

    points = importlib.metadata.entry_points(group=GROUP)
    for point in points:
        if point.name == spec:
            try:
                return point.load()
            except Exception as error:
                raise ValueError(f"the detector {spec} ({point.value}) cannot be loaded: {_said(error)}") from error
    import difflib

    names = sorted({point.name for point in points})
    near = difflib.get_close_matches(spec, names, n=1)
    known = f"did you mean {near[0]}?" if near else f"installed are: {', '.join(names) or 'none'}"
    raise ValueError(f"there is no detector {spec!r}; {known}. A file is named with .py at the end")


def _module(path: str) -> ModuleType:
    """Raises ValueError."""
    import hashlib
    import importlib.util
    from importlib.machinery import SourceFileLoader

    class Afresh(SourceFileLoader):
        """From the file as it is now. Code that was compiled before is taken for that of a file of the same second and length:
        somebody who tries one number after another would not run what they wrote."""

        def get_code(self, fullname: str) -> CodeType:
            return self.source_to_code(self.get_data(path), path)

    place = Path(path)
    if not place.is_file():
        raise ValueError(f"there is no file {path} to load a detector from")
    # a name of its own: two files may be called the same, and none may hide a module of others
    digest = hashlib.sha256(bytes(place.resolve())).hexdigest()[:8]
    name = f"wireverdict_detector_{digest}_{''.join(c if c.isalnum() else '_' for c in place.stem)}"
    found = importlib.util.spec_from_file_location(name, path, loader=Afresh(name, path))
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # where classes are looked up by their module, as msgspec does
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ValueError(f"the detector in {path} cannot be loaded: {_said(error, path)}") from error
    return module


def _named(module: ModuleType, path: str, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        listed = ", ".join(kind.__name__ for kind in _classes(module)) or "no class of a detector"
        raise ValueError(f"{path} has no {name}; it has {listed}") from None


def _only(module: ModuleType, path: str) -> type:
    found = _classes(module)
    if not found:
        raise ValueError(f"{path} has no class of a detector: one with a name and a method judge")
    if len(found) > 1:
        names = ", ".join(kind.__name__ for kind in found)
        raise ValueError(f"{path} has several detectors ({names}): say which, as in {path}:{found[0].__name__}")
    return found[0]


def _classes(module: ModuleType) -> list[type]:
    """Classes defined in the module that can judge."""
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__ and callable(getattr(kind, "judge", None))
    ]


def _said(error: BaseException, path: str = "") -> str:
    from wireverdict.detectors.guard import described

    if isinstance(error, SyntaxError) and error.filename == path:
        return f"line {error.lineno}: {error.msg}"
    return described(error, path)
