"""The judge of policing: does a token bucket explain the losses of a path, and does nothing else?

After Flach et al., "An Internet-Wide Analysis of Traffic Policing" (SIGCOMM 2016), with another test: instead of
comparing fill levels at one estimated rate, the bucket that explains the losses best is searched for over all
connections of an address pair together. It has to beat bursty random loss (Markov chains, by packets and in time) and a
queue: a drop-tail queue drops by the same arithmetic, but it makes packets wait and a policer does not.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wireverdict.paths.bucket import Fit, Grid, entropy, faded_gain, fit, gain, markov_gain, timed_gain
from wireverdict.paths.events import GAP, LOST
from wireverdict.paths.judgement import Cause, Judgement, Settings
from wireverdict.paths.transmissions import Replay, transmissions

__all__ = ["Cause", "Judgement", "Settings", "judge", "judge_log", "judge_replay"]

VAGUE = 2.0  # times: a wider range of rates than this tells no rate
STRETCHES = 3  # of a log between gaps that are tried, latest first


def judge(events: NDArray[np.void], direction: int, settings: Settings | None = None) -> Judgement:
    """Judge one direction (0: sent by the lower address) of a pair's log (EVENT[n], in order)."""
    settings = settings or Settings()
    return judge_replay(transmissions(events, direction, settings.link_overhead), events, settings)


def judge_log(log: NDArray[np.void], direction: int, settings: Settings) -> tuple[Judgement, dict[int, int]]:
    """Judge one direction of a log that may have gaps (events flagged GAP): the latest stretch that has enough to tell.

    Gives the packets lost by connection number as well.
    """
    cuts = [0, *np.flatnonzero(log["flags"] & GAP).tolist(), len(log)][-STRETCHES - 1 :]
    found: list[tuple[Judgement, dict[int, int]]] = []
    for start, stop in reversed(list(pairwise(cuts))):
        stretch = log[start:stop]
        replay = transmissions(stretch, direction, settings.link_overhead)
        found.append((judge_replay(replay, stretch, settings), replay.lost_by))
        if found[-1][0].cause is not Cause.TOO_FEW:
            return found[-1]
    return found[0]


def judge_replay(replay: Replay, events: NDArray[np.void], settings: Settings) -> Judgement:
    """The same, of transmissions that were told from the log before."""
    rows, gaps, sizes, lost = replay.rows, replay.gaps, replay.sizes, replay.lost
    losses, passed = replay.losses, len(rows) - replay.losses
    if not losses:
        return Judgement(Cause.TOO_FEW, 0, passed, at_receiver=replay.at_receiver, base_rtt=replay.base_rtt / 1e6)
    duration = replay.last_loss - replay.first_loss
    delivered = float(replay.delivered) / max(duration, 1)
    few = Judgement(
        Cause.TOO_FEW,
        losses,
        passed,
        replay.episodes,
        replay.first_loss,
        replay.last_loss,
        replay.at_receiver,
        delivered_bps=delivered * 8e9,
        base_rtt=replay.base_rtt / 1e6,
    )
    if losses < settings.min_lost or passed < settings.min_passed or few.episodes < settings.min_episodes:
        return few
    if duration <= 0 or delivered <= 0:
        return few
    grid = Grid(
        settings.rate_from,
        settings.receiver_rate_to if replay.at_receiver else settings.rate_to,
        settings.rate_step,
        settings.receiver_depth * float(sizes.max()) if replay.at_receiver else settings.depth_from,
        settings.depth_to,
        settings.depth_step,
    )
    levels = np.empty(len(rows))
    best = fit(gaps, sizes, lost, delivered, grid, levels)
    whole = float(entropy(losses, passed))
    if best.gain < 0:
        return _with(few, Cause.RANDOM, confidence=1.0)
    at_loss = np.flatnonzero(lost)
    first = np.concatenate([[True], np.diff(rows["ts"][at_loss]) > replay.base_rtt])  # of an episode
    ranks = np.searchsorted(np.sort(levels[lost == 0]), levels[at_loss][first]) / passed
    delays = _receiver_delays(rows, events) if replay.at_receiver else _sender_delays(rows, replay.base_rtt)
    waits = _least_of_three(delays)
    null = markov_gain(lost)
    found = _with(
        few,
        Cause.UNDECIDED,
        # where the rate is hardly told, the least that explains the losses: it binds most
        rate_bps=(best.rate if best.rate_high <= VAGUE * best.rate_low else best.rate_low) * 8e9,
        rate_low_bps=best.rate_low * 8e9,
        rate_high_bps=best.rate_high * 8e9,
        burst_bytes=best.depth,
        explained=best.gain / whole,
        gain=best.gain - null,
        gain_in_time=best.gain - max(null, timed_gain(gaps, lost)),
        rank=_median(ranks),
        loss_delay=_delay_at_losses(*waits, at_loss),
        delay_slope=_delay_slope(*waits, levels, best, settings),
    )
    placed = _gain_of_place(levels, sizes, lost) if replay.at_receiver else math.inf
    decided = _decide(found, delays, whole, float(sizes.max()), placed, settings)
    if not decided.policed or found.explained >= settings.policed_share:
        return decided
    # asked of few, for it takes longer than the other ways in which losses come in bursts
    in_time = min(found.gain_in_time, best.gain - faded_gain(gaps, lost))
    return _decide(_with(found, found.cause, gain_in_time=in_time), delays, whole, float(sizes.max()), placed, settings)


def _with(judgement: Judgement, cause: Cause, **changes: object) -> Judgement:
    values = {name: getattr(judgement, name) for name in Judgement.__slots__}
    return Judgement(**{**values, "cause": cause, **changes})


def _sender_delays(rows: NDArray[np.void], base_rtt: int) -> NDArray[np.float64]:
    """Waiting time (ms) of each transmission, NaN where unknown."""
    return np.where(rows["rtt"] > 0, (rows["rtt"] - base_rtt) / 1e6, np.nan)


def _receiver_delays(rows: NDArray[np.void], events: NDArray[np.void]) -> NDArray[np.float64]:
    """One-way waiting time (ms): arrival less the sender's clock, by connection, above its smallest."""
    delays = np.full(len(rows), np.nan)
    seen = rows["fate"] != LOST
    of = events[rows["event"]]
    for connection in np.unique(of["connection"]):
        mine = np.flatnonzero(seen & (of["connection"] == connection))
        ticks = (of["tsval"][mine] - of["tsval"][mine[0]]).astype(np.int32).astype(np.float64)
        arrivals = (rows["ts"][mine] - rows["ts"][mine[0]]).astype(np.float64)
        span = ticks.max() - ticks.min() if len(mine) > 1 else 0.0
        if span < 10:  # too short to tell the clock's rate
            continue
        tick = (arrivals[-1] - arrivals[0]) / max(ticks[-1] - ticks[0], 1.0)
        usual = np.array([1e3, 1e6, 4e6, 1e7])  # ns: the clocks in use (RFC 7323 asks for 1 ms to 1 s)
        tick = float(usual[int(np.argmin(np.abs(np.log(max(tick, 1.0) / usual))))])
        waits = (arrivals - ticks * tick) / 1e6
        delays[mine] = waits - waits.min()
    return delays


def _least_of_three(delays: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows whose delay is known, and the smallest of the last three there: delayed ACKs add 40 ms to single ones."""
    known = np.flatnonzero(~np.isnan(delays))
    values = delays[known]
    least = np.minimum.accumulate(values[:2])
    if len(values) > 2:
        least = np.concatenate([least, np.minimum(np.minimum(values[2:], values[1:-1]), values[:-2])])
    return known, least


def _median(values: NDArray[np.float64]) -> float:
    """The median of some values, as numpy's, which takes longer to look at its arguments."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _delay_at_losses(known: NDArray[np.int64], least: NDArray[np.float64], at_loss: NDArray[np.int64]) -> float:
    """Median over losses of the smallest of the last three known delays before each (ms)."""
    if not len(known):
        return 0.0
    before = np.searchsorted(known, at_loss) - 1
    before = before[before >= 0]
    return _median(least[before]) if len(before) else 0.0


def _delay_slope(
    known: NDArray[np.int64],
    least: NDArray[np.float64],
    levels: NDArray[np.float64],
    best: Fit,
    settings: Settings,
) -> float | None:
    """How far delay follows the bucket's deficit: packets at its lowest against those in its upper half."""
    count = max(10, len(known) // 20)
    if len(known) < 2 * count:
        return None
    levels = levels[known]
    order = np.argsort(levels, kind="stable")
    low, high = order[:count], order[len(order) // 2 :]
    expected = (_median(levels[high]) - _median(levels[low])) / best.rate / 1e6
    if expected < settings.queue_delay:
        return None
    return (_median(least[low]) - _median(least[high])) / expected


def _gain_of_place(levels: NDArray[np.float64], sizes: NDArray[np.float64], lost: NDArray[np.uint8]) -> float:
    """Nats by which the bucket tells after which packets others were lost, behind the policer.

    A loss there is put close behind the packet before it, so the levels to compare with are not those that passing packets
    met but those that they left: beside a paced flow, a bucket of its very rate is low after every packet.
    """
    passed = lost == 0
    left, needed = levels[passed] - sizes[passed], sizes[passed]
    losses = len(lost) - len(left)
    low = np.count_nonzero(levels[~passed] < sizes[~passed])
    return float(gain(low, np.count_nonzero(left < needed), losses, len(left)))


def _decide(
    found: Judgement, delays: NDArray[np.float64], whole: float, largest: float, placed: float, settings: Settings
) -> Judgement:
    """Name the cause; see the module."""
    full = found.burst_bytes * 8e3 / found.rate_bps  # ms that a queue of this depth makes packets wait
    known = delays[~np.isnan(delays)]
    usual = float(np.percentile(known, 75)) if len(known) else 0.0
    waits = found.loss_delay > settings.queue_delay
    if found.at_receiver:
        # TSval's resolution doubles the noise
        queue = found.loss_delay > 2 * settings.queue_delay and found.loss_delay > 0.8 * usual
        if found.explained >= settings.policed_share:  # else the depth means little
            queue = queue and found.loss_delay > settings.queue_share * full
    else:
        queue = waits and found.loss_delay > settings.queue_share * full
        queue = queue or (found.loss_delay >= settings.standing_delay and found.loss_delay >= usual)
    weak = found.gain < settings.min_gain or found.gain < settings.min_gain_share * whole
    follows = found.delay_slope is not None and found.delay_slope >= settings.delay_follows
    if queue or (follows and not weak):
        return _with(found, Cause.QUEUE, confidence=_confidence(found.gain, settings))
    if weak:
        return _with(found, Cause.RANDOM, confidence=0.9)
    least = 0.0 if found.at_receiver else settings.shallow_packets * largest
    if found.burst_bytes * 8e3 / found.rate_low_bps < settings.shallow or found.burst_bytes < least:
        return _with(found, Cause.SHALLOW, confidence=0.5)
    if found.at_receiver:
        small = found.burst_bytes <= 1.1 * settings.receiver_depth * largest  # the smallest that was tried
        told = found.explained >= settings.policed_share or found.gain_in_time >= settings.min_gain
        told = told and placed >= settings.receiver_gain
        told = told and len(known) > 0  # where delays are not known, a queue looks the same
        if found.explained < settings.receiver_share or small or not told:
            return _with(found, Cause.UNDECIDED, confidence=0.0)
        return _with(found, Cause.POLICED, confidence=_confidence(found.gain, settings))
    if found.explained >= settings.policed_share and found.rank <= settings.policed_rank:
        return _with(found, Cause.POLICED, confidence=_confidence(found.gain, settings))
    if found.explained >= settings.partial_share and found.gain_in_time >= settings.min_gain:
        return _with(found, Cause.POLICED_PARTLY_SEEN, confidence=0.9 * _confidence(found.gain_in_time, settings))
    return _with(found, Cause.UNDECIDED, confidence=0.0)


def _confidence(gain: float, settings: Settings) -> float:
    """From one half at the threshold towards 1 as the odds grow."""
    return round(1.0 - 0.5 * min(1.0, settings.min_gain / max(gain, settings.min_gain)), 3)
