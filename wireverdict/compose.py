"""From settings to a pipeline: which parts there are and which settings each gets."""

from __future__ import annotations

from wireverdict.alerts import Alerts
from wireverdict.connections.tracker import Tracker
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.pipeline import Pipeline
from wireverdict.settings import Settings
from wireverdict.windows.windows import Windows


def pipeline(settings: Settings) -> Pipeline:
    """A fresh pipeline with every detector. Raises ValueError for settings that a part refuses."""
    capture = settings.capture
    return Pipeline(
        Decoder(DecodeSettings(tunnels=capture.tunnels, home_nets=capture.home_networks)),
        Tracker(settings.connections),
        Windows(settings.windows, capture.home_networks),
        None,
        [],
        Alerts(settings.alerts),
    )
