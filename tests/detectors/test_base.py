"""Every detector that is asked by default keeps to the interface."""

from __future__ import annotations

import json

import pytest

from tests.detectors.others import Busy, BusySettings
from tests.detectors.views import Maker
from wireverdict.compose import detectors
from wireverdict.detectors.base import Detector, Plugin
from wireverdict.settings import DetectorSettings
from wireverdict.verdicts import RULE_NAMES
from wireverdict.windows.fields import Count

ALL = detectors(DetectorSettings())


@pytest.mark.parametrize("detector", ALL, ids=lambda detector: detector.name)
def test_interface(detector: Detector) -> None:
    assert isinstance(detector, Detector)
    assert detector.name in RULE_NAMES
    assert list(detector.judge(Maker().view())) == []
    maker = Maker().flow("192.0.2.1", "198.51.100.1", 443, {Count.PACKETS: 10}, {Count.PACKETS: 10})
    assert list(detector.judge(maker.view(1))) == []
    detector.load(json.loads(json.dumps(detector.dump())))


def test_a_plug_in_that_says_nothing_else_remembers_nothing() -> None:
    made = Busy(BusySettings())
    assert made.settings == BusySettings()
    assert Plugin.dump(made) == {}
    Plugin.load(made, {})
    assert Plugin.explain({}, None) is None
    with pytest.raises(NotImplementedError):
        Plugin.judge(made, Maker().view())


def test_names_are_told_apart() -> None:
    assert len({detector.name for detector in ALL}) == len(ALL)
