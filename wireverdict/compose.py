"""From settings to a pipeline: which parts there are and which settings each gets."""

from __future__ import annotations

import msgspec

from wireverdict.alerts import Alerts
from wireverdict.connections.tracker import Tracker
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.detectors.base import Detector
from wireverdict.detectors.bufferbloat import Bufferbloat
from wireverdict.detectors.capture_loss import CaptureLoss
from wireverdict.detectors.dns_loss import DnsLoss
from wireverdict.detectors.new_flow_loss import NewFlowLoss
from wireverdict.detectors.policing import Policing
from wireverdict.detectors.retransmission_storm import RetransmissionStorm
from wireverdict.detectors.throttling_ratio import ThrottlingRatio
from wireverdict.detectors.zero_window import ZeroWindow
from wireverdict.paths.paths import Paths
from wireverdict.pipeline import Pipeline
from wireverdict.settings import DetectorSettings, Settings
from wireverdict.windows.windows import Windows


def detectors(settings: DetectorSettings) -> list[Detector]:
    """All that are not off, in the order in which verdicts about one window come. Raises ValueError."""
    made: list[Detector] = [
        DnsLoss(settings.dns_loss),
        ThrottlingRatio(settings.throttling_ratio),
        NewFlowLoss(settings.new_flow_loss),
        Policing(settings.policing),
        Bufferbloat(settings.bufferbloat),
        RetransmissionStorm(settings.retransmission_storm),
        ZeroWindow(settings.zero_window),
        CaptureLoss(settings.capture_loss),
    ]
    names = [detector.name for detector in made]
    for name in settings.off:
        if name not in names:
            raise ValueError(f"detectors.off names {name!r}; there are {', '.join(names)}")
    return [detector for detector in made if detector.name not in settings.off]


def pipeline(settings: Settings) -> Pipeline:
    """A fresh pipeline with every detector. Raises ValueError for settings that a part refuses."""
    capture = settings.capture
    slots = max(settings.paths.max_slots, settings.tracking.max_connections)  # paths knows connections by their row
    return Pipeline(
        Decoder(DecodeSettings(tunnels=capture.tunnels, home_nets=capture.home_networks)),
        Tracker(settings.tracking),
        Windows(settings.windows, capture.home_networks),
        Paths(msgspec.structs.replace(settings.paths, max_slots=slots)),
        detectors(settings.detectors),
        Alerts(settings.alerts),
    )
