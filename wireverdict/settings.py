"""Every setting, as one tree of typed values, and how it is made of a file's tables, the environment and the command
line.

Each part defines its own settings beside its code; this module puts them together. It reads no file and no environment
itself: `wireverdict.cli` hands over what it has read. config/wireverdict.toml shows every key with its default.
"""

from __future__ import annotations

import math
import os
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

import msgspec

from wireverdict.alerts import AlertSettings
from wireverdict.bus import BusSettings
from wireverdict.connections.tracker import Settings as TrackingSettings
from wireverdict.decode.home import DEFAULT as PRIVATE_NETWORKS
from wireverdict.detectors.bufferbloat import BufferbloatSettings
from wireverdict.detectors.capture_loss import CaptureLossSettings
from wireverdict.detectors.dns_loss import DnsLossSettings
from wireverdict.detectors.new_flow_loss import NewFlowLossSettings
from wireverdict.detectors.policing import PolicingSettings
from wireverdict.detectors.retransmission_storm import RetransmissionStormSettings
from wireverdict.detectors.throttling_ratio import ThrottlingRatioSettings
from wireverdict.detectors.zero_window import ZeroWindowSettings
from wireverdict.live import LiveSettings
from wireverdict.paths.settings import PathSettings
from wireverdict.privacy.settings import PrivacySettings
from wireverdict.sinking import SinkSettings
from wireverdict.streaming import StreamSettings
from wireverdict.windows.settings import WindowSettings

PREFIX = "WIREVERDICT_"
LARGEST = 1e12
"""No setting makes sense beyond it, in whatever unit. Times in s are held as ns (int64), so theirs is LONGEST."""
LONGEST = 1e9


class SettingsError(ValueError):
    """A setting that cannot be: says which, where it was given, and what is allowed."""


class CaptureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How captured packets are taken."""

    home_networks: tuple[str, ...] = PRIVATE_NETWORKS
    """Which addresses are ours, in CIDR notation: what tells incoming packets from outgoing ones."""
    tunnels: Literal["inner", "outer"] = "inner"
    """Which packet counts where one carries another (IP-in-IP, GRE, VXLAN, Geneve, GTP-U, Teredo)."""
    community_id_seed: typing.Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0
    """Of network.community_id; equal for all tools whose records are to meet."""


class Given(msgspec.Struct, frozen=True):
    """A setting of a detector that is not ours, as it was given: its kind is known to its detector only."""

    section: str  # the detector's name with _ for -
    key: str
    value: Any
    where: str  # for people
    text: bool = False  # `value` is a text, to be read as the kind of the key says

    @property
    def name(self) -> str:
        """Dotted, as the file has it."""
        return f"detectors.{self.section}.{self.key}"


class DetectorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of each detector."""

    off: tuple[str, ...] = ()
    """Names of detectors that are not asked, such as "capture-loss"."""
    plugins: tuple[str, ...] = ()
    """Detectors of your own: names of entry points (group wireverdict.detectors), FILE.py or FILE.py:Class, relative to the
    settings file. Each has its settings under [detectors.NAME]. What is named here is run as code."""
    dns_loss: DnsLossSettings = DnsLossSettings()
    throttling_ratio: ThrottlingRatioSettings = ThrottlingRatioSettings()
    new_flow_loss: NewFlowLossSettings = NewFlowLossSettings()
    policing: PolicingSettings = PolicingSettings()
    bufferbloat: BufferbloatSettings = BufferbloatSettings()
    retransmission_storm: RetransmissionStormSettings = RetransmissionStormSettings()
    zero_window: ZeroWindowSettings = ZeroWindowSettings()
    capture_loss: CaptureLossSettings = CaptureLossSettings()
    given: tuple[Given, ...] | msgspec.UnsetType = msgspec.UNSET  # of plug-ins; no setting itself


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them. Sections are the tables of the file."""

    capture: CaptureSettings = CaptureSettings()
    live: LiveSettings = LiveSettings()
    tracking: TrackingSettings = TrackingSettings()
    windows: WindowSettings = WindowSettings()
    paths: PathSettings = PathSettings()
    detectors: DetectorSettings = DetectorSettings()
    alerts: AlertSettings = AlertSettings()
    bus: BusSettings = BusSettings()
    stream: StreamSettings = StreamSettings()
    sinks: SinkSettings = SinkSettings()
    privacy: PrivacySettings = PrivacySettings()


class Source(NamedTuple):
    """Where settings were given. `values`: nested as in the file. `where`: the place of a dotted key, for people."""

    values: Mapping[str, Any]
    where: typing.Callable[[str], str]
    texts: bool = False  # values are texts, to be read as the type of their key says


def settings(sources: Sequence[Source] = (), plugins: Sequence[str] = ()) -> Settings:
    """The defaults, overridden by each source in turn. `plugins`: detectors besides those of `detectors.plugins`.

    Only where there are plug-ins, tables under [detectors] may be theirs: they are kept as they are until the plug-ins are
    known (`wireverdict.compose.detectors`). Raises SettingsError.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    others: dict[str, Given] = {}
    if plugins or any(_detectors(source).get("plugins") for source in sources):
        parted = [_part(source) for source in sources]
        sources = [source for source, _ in parted]
        others = {setting.name: setting for _, found in parted for setting in found}
    for source in sources:
        for path, value in _leaves(source, Settings, source.values, ()):
            table = merged
            for part in path[:-1]:
                table = table.setdefault(part, {})
            table[path[-1]] = value
            key = ".".join(path)
            origins[key] = source.where(key)
    if plugins or others:
        mine = merged.setdefault("detectors", {})
        mine["plugins"] = tuple(dict.fromkeys([*mine.get("plugins", ()), *plugins]))
    try:
        made = msgspec.convert(merged, Settings)
        if not others:
            return made
        kept = msgspec.structs.replace(made.detectors, given=tuple(others.values()))
        return msgspec.structs.replace(made, detectors=kept)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        section = place.rstrip("`")
        given = {key: where for key, where in origins.items() if key == section or key.startswith(section + ".")}
        listed = "; ".join(f"{where}: {key}" for key, where in given.items())
        raise SettingsError(f"{message} ({listed})" if listed else message) from None


def from_environment(environment: Mapping[str, str]) -> Source:
    """Variables such as ``WIREVERDICT_WINDOWS__WIDTH=5``: sections and keys in capitals, ``__`` between them."""
    values: dict[str, Any] = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        table = values
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise SettingsError(f"environment variable {name}: {section} is a value, not a section")
        table[key] = value
    return Source(values, lambda key: f"environment variable {PREFIX}{key.replace('.', '__').upper()}", texts=True)


def from_file(values: Mapping[str, Any], name: str, text: str) -> Source:
    """Tables read from a TOML file; `text` is the file's, so that messages can name lines."""

    def where(key: str) -> str:
        line = _line(text, key)
        return f"{name}, line {line}" if line else name

    detectors = values.get("detectors")
    plugins = detectors.get("plugins") if isinstance(detectors, Mapping) else None
    if isinstance(detectors, Mapping) and isinstance(plugins, list):  # files are named as seen from the settings file
        folder = os.path.dirname(name)
        at = [os.path.join(folder, spec) if ".py" in str(spec) else spec for spec in plugins]
        values = {**values, "detectors": {**detectors, "plugins": at}}
    return Source(values, where)


def _detectors(source: Source) -> Mapping[str, Any]:
    found = source.values.get("detectors")
    return found if isinstance(found, Mapping) else {}


def _part(source: Source) -> tuple[Source, list[Given]]:
    """A source without the tables of detectors that are not ours, and what stands in those."""
    detectors, known = _detectors(source), fields_of(DetectorSettings)
    others = {name: table for name, table in detectors.items() if name not in known and isinstance(table, Mapping)}
    given = [
        Given(name.replace("-", "_"), key, value, source.where(f"detectors.{name}.{key}"), source.texts)
        for name, table in others.items()
        for key, value in table.items()
    ]
    if not others:
        return source, given
    ours = {name: value for name, value in detectors.items() if name not in others}
    return source._replace(values={**source.values, "detectors": ours}), given


def fields_of(struct: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """The settings in a settings struct by name."""
    return {field.name: field for field in msgspec.structs.fields(struct) if field.default is not msgspec.UNSET}


def _leaves(
    source: Source, struct: type[msgspec.Struct], values: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value in a source, converted to its key's type."""
    fields = fields_of(struct)
    for name, value in values.items():
        here = (*path, name)
        key = ".".join(here)
        if name not in fields:
            import difflib

            near = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean {'.'.join((*path, near[0]))}?" if near else f"known here: {', '.join(fields)}"
            raise SettingsError(f"{source.where(key)}: there is no setting {key}; {hint}")
        kind = fields[name].type
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if not isinstance(value, Mapping):
                raise SettingsError(
                    f"{source.where(key)}: {key} is a section ({', '.join(fields_of(kind))}), not a value"
                )
            yield from _leaves(source, kind, value, here)
            continue
        try:
            made = _convert(value, kind, source.texts)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{source.where(key)}: {key} = {value!r}: {_allowed(kind, str(error))}") from None
        if refused := beyond(made):
            raise SettingsError(f"{source.where(key)}: {key} = {value!r}: {refused}")
        yield here, made


def beyond(value: Any) -> str:
    """What is expected of a number or text that no setting can have; "" for one that may be right, and for other kinds.

    Parts say what they need of theirs. This keeps what is no number, or too large for any table, from getting as far.
    """
    for number in value if isinstance(value, list | tuple) else (value,):
        if isinstance(number, str) and "\0" in number:  # no file and no address has such a name
            return "expected text without a null character"
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        most = LARGEST if isinstance(number, int) else LONGEST
        if not (math.isfinite(number) and 0 <= number <= most):
            return f"expected a number from 0 to {most:,.0f}"
    return ""


def _convert(value: Any, kind: Any, texts: bool) -> Any:
    if texts and typing.get_origin(kind) in (tuple, list):
        value = [part.strip() for part in cast(str, value).split(",") if part.strip()]
    return msgspec.convert(value, kind, strict=not texts)


def _allowed(kind: Any, message: str) -> str:
    if typing.get_origin(kind) is Literal:
        return "expected one of " + ", ".join(repr(choice) for choice in typing.get_args(kind))
    return message[:1].lower() + message[1:].replace("`", "")


def _line(text: str, key: str) -> int:
    """The line of a TOML file on which a dotted key is given; 0 if it is not found."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.strip("[] ").partition("]")[0]
            if section == key:
                return number
        name = stripped.partition("=")[0].strip()
        if "=" in stripped and key == (f"{section}.{name}" if section else name):
            return number
    return 0
