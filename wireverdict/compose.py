"""From settings to a pipeline: which parts there are and which settings each gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from wireverdict.detectors.registry import own
from wireverdict.detectors.retransmission_storm import RetransmissionStorm
from wireverdict.detectors.throttling_ratio import ThrottlingRatio
from wireverdict.detectors.zero_window import ZeroWindow
from wireverdict.judge import Judge
from wireverdict.memory import Memory
from wireverdict.paths.paths import Paths
from wireverdict.pipeline import Pipeline
from wireverdict.settings import DetectorSettings, Settings
from wireverdict.shard import Shard
from wireverdict.windows.home import HomeNetworks
from wireverdict.windows.merge import Merge
from wireverdict.windows.windows import Windows

if TYPE_CHECKING:
    from wireverdict.privacy.veil import Veil


def detectors(settings: DetectorSettings) -> list[Detector]:
    """All that are not off, in the order in which verdicts about one window come. Raises ValueError.

    The classes of plug-ins must have been provided (`wireverdict.detectors.registry`).
    """
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
    # last: whatever they do to a window, ours have seen it before
    made += own(settings, [detector.name for detector in made])
    names = [detector.name for detector in made]
    for name in settings.off:
        if name not in names:
            raise ValueError(f"detectors.off names {name!r}; there are {', '.join(names)}")
    return [detector for detector in made if detector.name not in settings.off]


def shard(settings: Settings, partitions: int | None = None, *, busy: bool = False) -> Shard:
    """A fresh shard of a sensor whose pairs of addresses are divided over `partitions` (None: bus.partitions).

    `busy`: one of few, with much to do. Raises ValueError for settings that a part refuses.
    """
    memory = Memory(huge=busy)
    slots = max(settings.paths.max_slots, settings.tracking.max_connections)  # paths knows connections by their row
    return Shard(
        Tracker(settings.tracking, memory),
        Windows(settings.windows, settings.capture.home_networks, memory),
        Paths(msgspec.structs.replace(settings.paths, max_slots=slots), memory),
        settings.bus.partitions if partitions is None else partitions,
    )


def merge(settings: Settings, shards: int) -> Merge:
    """A fresh place where the windows of a sensor's shards are joined. Raises ValueError."""
    return Merge(shards, HomeNetworks(settings.capture.home_networks))


def judge(settings: Settings) -> Judge:
    """A fresh judge of a sensor's windows with every detector. Raises ValueError."""
    unreliable = settings.detectors.capture_loss.critical_share
    return Judge(detectors(settings.detectors), Alerts(settings.alerts), unreliable)


def veiled(settings: Settings, veil: Veil | None) -> Settings:
    """Settings of what comes after `veil`: home networks are where their addresses are seen from there on."""
    if veil is None:
        return settings
    networks = veil.networks(settings.capture.home_networks)
    return msgspec.structs.replace(settings, capture=msgspec.structs.replace(settings.capture, home_networks=networks))


def pipeline(settings: Settings, veil: Veil | None = None) -> Pipeline:
    """A fresh pipeline with every detector, which sees headers through `veil`. Raises ValueError for settings that a part
    refuses."""
    capture = settings.capture
    decoder = Decoder(DecodeSettings(tunnels=capture.tunnels, home_nets=capture.home_networks))
    after = veiled(settings, veil)
    return Pipeline(decoder, shard(after, 1, busy=True), judge(after), veil)
