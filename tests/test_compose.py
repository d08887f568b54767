"""From settings to a pipeline."""

from __future__ import annotations

import importlib
from pathlib import Path

import msgspec
import pytest

import wireverdict.detectors.base
from wireverdict.compose import detectors, pipeline
from wireverdict.connections.tracker import Settings as TrackingSettings
from wireverdict.detectors.base import Detector
from wireverdict.settings import CaptureSettings, DetectorSettings, Settings, fields_of


def test_every_part_gets_its_settings() -> None:
    tracking = TrackingSettings(max_connections=2**21, tcp_idle=7.0)
    settings = Settings(tracking=tracking, capture=CaptureSettings(home_networks=("192.0.2.0/24",)))
    made = pipeline(settings)
    assert made.shard.tracker.settings == tracking
    assert made.shard.windows.settings == settings.windows
    assert made.shard.windows.home.networks == ("192.0.2.0/24",)
    assert made.judge.alerts.settings == settings.alerts


def test_paths_can_hold_every_row_of_the_connection_table() -> None:
    made = pipeline(msgspec.structs.replace(Settings(), tracking=TrackingSettings(max_connections=2**21)))
    assert made.shard.paths is not None
    assert made.shard.paths.settings.max_slots == 2**21  # type: ignore[attr-defined]


def test_detectors_are_detectors_with_names_of_their_own() -> None:
    detectors = pipeline(Settings()).judge.detectors
    assert all(isinstance(detector, Detector) for detector in detectors)
    assert len({detector.name for detector in detectors}) == len(detectors)


def test_every_detector_that_there_is_is_asked() -> None:
    folder = Path(wireverdict.detectors.base.__file__).parent
    modules = [importlib.import_module(f"wireverdict.detectors.{path.stem}") for path in folder.glob("*.py")]
    classes = [kind for module in modules for kind in vars(module).values() if callable(getattr(kind, "judge", None))]
    there = {name for kind in classes if isinstance(name := getattr(kind, "name", None), str) and name}
    assert there == {detector.name for detector in detectors(DetectorSettings())}
    assert {name.replace("-", "_") for name in there} | {"off", "plugins"} == set(fields_of(DetectorSettings))


def test_detectors_that_are_off() -> None:
    left = {detector.name for detector in detectors(DetectorSettings(off=("policing", "zero-window")))}
    assert left == {detector.name for detector in detectors(DetectorSettings())} - {"policing", "zero-window"}
    with pytest.raises(ValueError, match=r"detectors\.off names 'polcing'; there are .*policing"):
        detectors(DetectorSettings(off=("polcing",)))


def test_a_network_that_is_none() -> None:
    with pytest.raises(ValueError, match="home network 'here'"):
        pipeline(Settings(capture=CaptureSettings(home_networks=("here",))))
