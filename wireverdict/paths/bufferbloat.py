"""The judge of bufferbloat: does a direction's own load make its packets wait, and for how long?

A standing queue makes the round-trip time rise with the bytes in flight while the throughput stays flat: the extra
bytes only wait. With the rate of the bottleneck r, RTT = base + queue / r, so the slope of RTT against bytes in flight,
times r, is 1 where a queue stands and 0 where none does, whatever else makes the RTT long (a longer route, other
people's traffic). It is called kappa here, and estimated after Theil (1950): the median of the slopes between all pairs
of seconds in which packets waited.

The round trip is looked at in two parts, from the capture point to the data's receiver and from its sender to the
capture point, so that the verdict can say on which side of the capture the queue is.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.paths.layout import BINS
from wireverdict.records import Reason

GRADES = ((5.0, "A+"), (30.0, "A"), (60.0, "B"), (200.0, "C"), (400.0, "D"))
"""ms of latency that load adds, up to which a grade is given; F beyond: the scale of Waveform's bufferbloat test."""
FULL_PACKET = 1448  # bytes of payload


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of the judge; each says its unit and its reason."""

    load_share: float = 0.7
    """of the 90th percentile of throughput: seconds that reach it are under load. A plateau does, ramps do not."""
    min_load: int = 30_000
    """bytes acknowledged in a second: twenty full packets. Less is a conversation, and fills no queue."""
    min_flight: float = 4.0
    """full packets in flight, on average: with fewer the sender, not the path, sets the pace."""
    min_samples: int = 1
    """round-trip times in a second: one is timed per round trip, and those of a bloated path take a second. What a
    delayed ACK adds (40 ms) is well below `queue_delay`."""
    min_seconds: int = 3
    """s under load: a slow start's overshoot is shorter."""
    queue_delay: float = 100.0
    """ms of waiting that people notice in calls (ITU-T G.114: 150 ms one way for the whole path is the comfortable
    limit)."""
    inflation: float = 2.0
    """times the base round trip: on long paths 100 ms more is little."""
    kappa_low: float = 0.5
    """half-way between a standing queue (1) and none (0)."""
    kappa_high: float = 2.0
    """as far from 1 on the other side: delay that grows faster than a queue could make it has another cause."""
    min_spread: float = 0.2
    """range of the bytes in flight (10th to 90th percentile), of their median, without which a slope means nothing. A
    cubic sender takes back 30 % at a loss (RFC 9438)."""
    min_order: float = 3.1
    """standard deviations by which larger flights go with longer round trips, from which the outer tenths count in that
    range too: one in a thousand by chance."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 < self.kappa_low < self.kappa_high:
            raise ValueError("bufferbloat.kappa_low must be above 0 and below kappa_high")
        if not 0 < self.load_share <= 1:
            raise ValueError(f"bufferbloat.load_share is {self.load_share}; it must be above 0 and at most 1")
        if not 1 <= self.min_seconds <= BINS:
            raise ValueError(f"bufferbloat.min_seconds is {self.min_seconds}; it must be within 1 and {BINS}")


@dataclass(frozen=True, slots=True)
class Bloat:
    """What one direction of a connection shows about one part of its path. Times in ms.

    `answer`: True, False, or None with the reason in `reason`. `kappa` is None where the bytes in flight hardly varied.
    `first`, `last`: the first and last second (since 1970) in which the queue stood.
    """

    answer: bool | None
    reason: Reason
    seconds: int = 0
    bloated: int = 0
    samples: int = 0
    base_rtt: float = 0.0
    loaded_rtt: float = 0.0
    loaded_rtt_p95: float = 0.0
    kappa: float | None = None
    throughput_bps: float = 0.0
    in_flight: float = 0.0
    first: int = 0
    last: int = 0

    @property
    def queue_delay(self) -> float:
        """Median waiting time under load."""
        return max(self.loaded_rtt - self.base_rtt, 0.0)

    @property
    def grade(self) -> str:
        """A+ (best) to F."""
        return next((grade for limit, grade in GRADES if self.queue_delay < limit), "F")


def theil_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Median of the slopes between all pairs of points whose x differ; None if none do."""
    i, k = np.triu_indices(len(x), 1)
    run = x[k] - x[i]
    usable = run != 0
    return float(np.median((y[k] - y[i])[usable] / run[usable])) if usable.any() else None


def kendall(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """How far beyond chance larger x go with larger y: Kendall's S in standard deviations (Biometrika 30, 1938)."""
    n = len(x)
    i, k = np.triu_indices(n, 1)
    s = float(np.sum(np.sign(x[k] - x[i]) * np.sign(y[k] - y[i])))
    return float((s - np.sign(s)) / np.sqrt(n * (n - 1) * (2 * n + 5) / 18)) if n > 1 else 0.0


def quantile(groups: list[NDArray[np.float64]], share: float) -> float:
    """The value below which `share` of the time lies, if each group of samples stands for as much of it: the longer round
    trips are, the fewer of them are timed in a second."""
    values = np.concatenate(groups)
    weights = np.concatenate([np.full(len(group), 1 / len(group)) for group in groups if len(group)])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share * weights.sum(), reached, values[order]))


def _kappa(flight: NDArray[np.float64], rtt: NDArray[np.float64], rate: float, settings: Settings) -> float | None:
    """kappa from seconds in which packets waited: bytes in flight, RTT (ms); None if the flight hardly varies in them.

    Seconds without waiting are left out: between two levels of delay (a longer route, a busier hour of others) any sender
    of a steady rate has more in flight, so that the step alone would read as 1. The outer tenths count only where the
    order of all seconds agrees beyond chance, or an odd second would make a slope of noise.
    """
    if len(flight) < 2:
        return None
    low, middle, high = np.percentile(flight, [10, 50, 90])
    if kendall(flight, rtt) >= settings.min_order:
        low, high = flight.min(), flight.max()
    if high - low <= 0 or high - low < settings.min_spread * middle:
        return None
    slope = theil_slope(flight, rtt / 1e3)
    return None if slope is None else slope * rate / 8


def judge(bins: NDArray[np.void], part: int, base_us: int, settings: Settings) -> Bloat:
    """Judge one part of the path from some bins (LOAD[n], any order) and its smallest round trip (µs, 0 unknown)."""
    bins = bins[np.argsort(bins["second"], kind="stable")]
    acked = bins["acked"].astype(np.float64)
    flights = bins["flight"] / np.maximum(bins["flights"], 1)
    busy = (acked >= settings.min_load) & (flights.max(axis=1, initial=0.0) >= settings.min_flight * FULL_PACKET)
    if not busy.any():
        return Bloat(None, Reason.NO_LOAD)
    loaded = busy & (acked >= settings.load_share * np.percentile(acked[busy], 90, method="lower"))
    if np.count_nonzero(loaded) < settings.min_seconds:
        return Bloat(None, Reason.NO_LOAD, seconds=int(np.count_nonzero(loaded)))
    known = bins["count"][:, part] >= settings.min_samples
    samples = [row["samples"][part, : row["kept"][part]] / 1e3 for row in bins]
    use = loaded & known
    if np.count_nonzero(use) < settings.min_seconds or not base_us:
        return Bloat(None, Reason.TOO_FEW_SAMPLES, seconds=int(np.count_nonzero(use)))
    rtt = np.array([float(np.median(values)) if len(values) else np.nan for values in samples])
    base = min(base_us / 1e3, float(min(values.min() for values in samples if len(values))))
    waits = (rtt - base >= settings.queue_delay) & (rtt >= settings.inflation * base)
    bloated = use & waits
    pooled = [samples[i] for i in np.flatnonzero(use)]
    rate = float(np.median(acked[use])) * 8
    flight = flights[:, part]
    kappa = _kappa(flight[known & busy & waits], rtt[known & busy & waits], rate, settings)
    enough = np.count_nonzero(bloated) >= settings.min_seconds
    answer: bool | None = False
    reason = Reason.NONE
    if enough:
        answer = kappa is not None and settings.kappa_low <= kappa <= settings.kappa_high
        if not answer and (kappa is None or kappa > settings.kappa_low / 2):
            answer, reason = None, Reason.UNDECIDED
    at = bins["second"][bloated]
    return Bloat(
        answer,
        reason,
        int(np.count_nonzero(use)),
        int(np.count_nonzero(bloated)),
        int(bins["count"][use, part].sum()),
        base,
        quantile(pooled, 0.5),
        quantile(pooled, 0.95),
        kappa,
        rate,
        float(np.median(flight[use])),
        int(at.min()) if len(at) else 0,
        int(at.max()) if len(at) else 0,
    )
