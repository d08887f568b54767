"""Settings: the file of defaults, where values come from, and what is said about wrong ones."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.settings import Settings, SettingsError, Source, fields_of, from_environment, from_file, settings

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "config" / "wireverdict.toml"


def keys(struct: type[msgspec.Struct], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, field in fields_of(struct).items():
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += keys(field.type, (*path, name))
        else:
            found.append(((*path, name), field))
    return found


def structs(struct: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    inner = [field.type for field in fields_of(struct).values()]
    below = [s for kind in inner if isinstance(kind, type) and issubclass(kind, msgspec.Struct) for s in structs(kind)]
    return [struct, *below]


def from_text(text: str, name: str = "my.toml") -> Source:
    return from_file(tomllib.loads(text), name, text)


def test_the_file_holds_every_default() -> None:
    in_file = tomllib.loads(FILE.read_text(encoding="utf-8"))
    assert in_file == msgspec.json.decode(msgspec.json.encode(Settings()))
    assert settings([from_text(FILE.read_text(encoding="utf-8"))]) == settings() == Settings()


def test_the_file_is_as_the_code_says_it() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "default_config.py"), "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, "run: make config"


def test_every_setting_has_its_words_in_the_file() -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if "=" in line and line[0] not in "# " and not before.startswith("#")
    ]
    assert bare == []


def test_structs_are_frozen_and_know_their_fields() -> None:
    for struct in structs(Settings):
        assert struct.__struct_config__.frozen, struct
        assert struct.__struct_config__.forbid_unknown_fields, struct


def test_later_sources_win() -> None:
    file = from_text("[windows]\nwidth = 20\nlateness = 40\n[capture]\ntunnels = 'outer'\n")
    environment = from_environment({"WIREVERDICT_WINDOWS__WIDTH": "30", "PATH": "/bin", "WIREVERDICT_DEBUG": "1"})
    option = Source({"windows": {"width": 50.0}}, lambda key: "--window")
    made = settings([file, environment, option])
    assert (made.windows.width, made.windows.lateness, made.capture.tunnels) == (50.0, 40.0, "outer")
    assert settings([file, environment]).windows.width == 30.0


def test_texts_in_the_environment_become_what_the_key_is() -> None:
    made = settings(
        [
            from_environment(
                {
                    "WIREVERDICT_CAPTURE__HOME_NETWORKS": "192.0.2.0/24, 2001:db8::/32",
                    "WIREVERDICT_TRACKING__MAX_CONNECTIONS": "1000",
                    "WIREVERDICT_WINDOWS__LATENESS": "12.5",
                }
            )
        ]
    )
    assert made.capture.home_networks == ("192.0.2.0/24", "2001:db8::/32")
    assert made.tracking.max_connections == 1000
    assert made.windows.lateness == 12.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[windows]\n\nwidht = 3\n",
            "my.toml, line 3: there is no setting windows.widht; did you mean windows.width?",
        ),
        ("[window]\nwidth = 3\n", "my.toml, line 1: there is no setting window; did you mean windows?"),
        ("zzz = 3\n", "my.toml, line 1: there is no setting zzz; known here: capture, live, tracking,"),
        ("[windows]\nwidth = 'long'\n", "my.toml, line 2: windows.width = 'long': expected float, got str"),
        ("windows = 3\n", "my.toml, line 1: windows is a section (width,"),
        (
            "[capture]\ntunnels = 'both'\n",
            "my.toml, line 2: capture.tunnels = 'both': expected one of 'inner', 'outer'",
        ),
        (
            "tracking.tcp_idle = inf\n",
            "my.toml, line 1: tracking.tcp_idle = inf: expected a number from 0 to 1,000,000,000",
        ),
        (
            "[tracking]\nreport_open = nan\n",
            "my.toml, line 2: tracking.report_open = nan: expected a number from 0 to 1,000,000,000",
        ),
        (
            "[windows]\npackets = 99999999999999999999\n",
            "my.toml, line 2: windows.packets = 99999999999999999999: expected a number from 0 to 1,000,000,000,000",
        ),
        (
            "[detectors.throttling_ratio]\nrequest_ports = [53, -1]\n",
            "my.toml, line 2: detectors.throttling_ratio.request_ports = [53, -1]: expected a number from 0 to",
        ),
        (
            '[sinks.files]\ndirectory = "a\\u0000b"\n',
            "my.toml, line 2: sinks.files.directory = 'a\\x00b': expected text without a null character",
        ),
        (
            "[detectors.capture_loss]\nwarning_share = 0.0\n",
            "capture_loss: it must be 0 < warning_share <= critical_share <= 1; they are shares of 1",
        ),
        ("capture.community_id_seed = -1\n", "my.toml, line 1: capture.community_id_seed = -1: expected int >= 0"),
    ],
)
def test_what_is_said_of_a_wrong_file(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as told:
        settings([from_text(text)])
    assert str(told.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WINDOWS__WIDTH", "ten", "environment variable WIREVERDICT_WINDOWS__WIDTH: windows.width = 'ten': expected"),
        ("WINDOWS__WIDE", "1", "environment variable WIREVERDICT_WINDOWS__WIDE: there is no setting windows.wide"),
        ("NOWHERE__WIDTH", "1", "environment variable WIREVERDICT_NOWHERE: there is no setting nowhere"),
    ],
)
def test_what_is_said_of_a_wrong_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as told:
        settings([from_environment({f"WIREVERDICT_{name}": value})])
    assert str(told.value).startswith(message)


def test_a_variable_cannot_be_both_value_and_section() -> None:
    with pytest.raises(SettingsError, match="WIDTH__X: width is a value, not a section"):
        from_environment({"WIREVERDICT_WINDOWS__WIDTH": "1", "WIREVERDICT_WINDOWS__WIDTH__X": "1"})


def test_values_that_contradict_each_other_name_where_they_were_given() -> None:
    option = Source({"windows": {"width": 0.0}}, lambda key: "--window")
    with pytest.raises(SettingsError, match=r"windows\.width is 0\.0 s; it must be .*\(--window: windows\.width\)"):
        settings([option])


@given(st.sampled_from(keys(Settings)))
def test_every_key_can_be_set_from_the_environment_to_its_own_default(key: tuple[tuple[str, ...], Any]) -> None:
    path, field = key
    default = field.default
    text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
    assert settings([from_environment({"WIREVERDICT_" + "__".join(path).upper(): text})]) == Settings()
