"""Packets of network interfaces as they come: the entry point for whoever wants frames live."""

from __future__ import annotations

import contextlib
import errno
import logging
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producers.bpf import Filter, FilterError
from producers.live import interfaces
from producers.live.errors import LiveError
from producers.live.lane import Lane, merged
from producers.live.memory import Region
from producers.live.program import NOTHING, compiled, joined, needs_tags, program
from producers.live.ring import Ring, Shape, empty, most_frames, unbound
from wireverdict.frames import FrameBatch
from wireverdict.live import LiveSettings

__all__ = ["Counters", "LiveError", "LiveSource"]
LOG = logging.getLogger("wireverdict.live")
WAIT = 0.25
"""s without packets after which an empty batch is given, so that whoever reads can look at the time."""
AGAIN = 1.0
"""s between looks whether an interface that went away has come back."""
SPARES = 8
"""Times that an interface with several rings may be removed and come back: each takes new sockets, which only somebody with
the right to capture can open, so that they are opened at the start."""
RESTFUL = 0.125
"""Share of a ring in use up to which there is time to wait for more."""
FILLED = 0.25
"""Share of a ring that may fill up meanwhile, as fast as it did last time."""
FRAMES = 8_192
"""Frames in a batch, about."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the start. Packets are those that the filter accepted: sent to the ring = received + dropped."""

    received: int = 0  # had room in the ring
    dropped: int = 0  # had none: the kernel's drops
    freezes: int = 0  # times that the ring was full
    broken: int = 0  # could not be read from the ring
    filtered: int = 0  # left out by a filter that the kernel could not run (VLAN tags)
    sampled_out: int = 0  # left out on purpose, under pressure: counted by whoever does it (wireverdict.sampling)
    fill: float = 0.0  # share of the fullest ring that is in use


class LiveSource:
    """Iterate once; gives FrameBatch, valid until the next is asked for: `data` is the rings' own memory.

    Frames are in order of time, over all interfaces, but for a few microseconds between two batches. FRAME.file is the
    place of the interface in `interfaces`. An empty batch comes when WAIT has passed without packets. `horizon`: ns; all
    packets up to that time have been given. Interfaces may go down, up, away and come back: that is told in the log.

    `stop` ends the iteration after everything that had come before it; `close` at once.
    """

    def __init__(
        self,
        names: Sequence[str],
        settings: LiveSettings,
        *,
        expression: str = "",
        without: str = "",
    ) -> None:
        """`expression`: what packets must match, in tcpdump's syntax; `without`: a second one, of our own making.

        Raises LiveError for an interface that is not there, no right to capture, no memory; FilterError for expressions.
        """
        if not names:
            raise LiveError("no network interface is named")
        self.interfaces = tuple(dict.fromkeys(names))
        self.settings, self.horizon = settings, 0
        block = settings.block * 1024
        shape = Shape(
            block, max(2, settings.ring * 1_000_000 // block), max(1, round(settings.retire * 1000)), settings.snap
        )
        self._expression, self._without = expression, without
        self._filter = Filter(expression) if needs_tags(expression) else None
        self._filtered = 0
        self._hold = round(3 * settings.retire * 1e9) + 20_000_000  # ns after which a packet is certainly handed over
        room = max(FRAMES, most_frames(shape))
        self._nothing = empty(0)
        self._lanes: list[Lane] = []
        self._spares: list[socket.socket] = []
        self._links: list[tuple[int, ...]] = []  # by interface
        self._closed = self._stopping = False
        self._looked = 0.0
        self._rest = settings.retire / 2  # s to wait for more packets when there are some
        for name in self.interfaces:
            interfaces.index_of(name)
        try:
            region = Region(shape.size * settings.workers * len(self.interfaces))
            for file, name in enumerate(self.interfaces):
                for _ in range(settings.workers):
                    ring = Ring(name, region, len(self._lanes) * shape.size, shape, file)
                    self._lanes.append(Lane(ring, room))
                self._links.append(interfaces.links_of(name))
            self._data: NDArray[np.uint8] = region.data
            self.filter(without)
            for file in range(len(self.interfaces)):
                self._start(self._of(file))
            if settings.workers > 1:
                self._spares = [unbound() for _ in range(SPARES * len(self._lanes))]
        except OSError as error:
            self.close()
            if isinstance(error, LiveError):
                raise
            what = f"{', '.join(self.interfaces)}: {error.strerror or error}"
            hint = "; make live.ring smaller" if error.errno == errno.ENOMEM else ""
            raise LiveError(f"the kernel refuses to capture from {what}{hint}") from None
        except FilterError:
            self.close()
            raise

    def __iter__(self) -> Iterator[FrameBatch]:
        if self._closed:
            return
        poll = select.poll()
        for lane in self._lanes:
            poll.register(lane.ring.socket, select.POLLIN | select.POLLERR)
        idle = time.monotonic()
        deadline = 0.0
        while not self._closed:
            if self._stopping and not deadline:
                deadline = time.monotonic() + self._hold / 1e9
            frames = self._round(final=bool(deadline) and time.monotonic() > deadline)
            if len(frames):
                idle = time.monotonic()
                yield FrameBatch(self._data, frames)
                self._give_back()
            elif deadline and time.monotonic() > deadline:
                return
            else:
                self._wait(poll)
                if time.monotonic() - idle >= WAIT:
                    idle = time.monotonic()
                    yield FrameBatch(self._data, self._nothing)
            self._tend()

    def counters(self) -> Counters:
        """What was counted so far."""
        rings = [lane.ring for lane in self._lanes]
        if not self._closed:
            for ring in rings:
                ring.count()
        return Counters(
            received=sum(ring.received for ring in rings),
            dropped=sum(ring.dropped for ring in rings),
            freezes=sum(ring.freezes for ring in rings),
            broken=sum(ring.broken for ring in rings),
            filtered=self._filtered,
            fill=0.0 if self._closed else max((ring.fill for ring in rings), default=0.0),
        )

    def filter(self, without: str) -> None:
        """Leave out other packets than so far: an expression in tcpdump's syntax that all must match.

        Raises FilterError; OSError if the kernel refuses it.
        """
        self._without = without
        own = "" if self._filter is not None else self._expression
        compiled(own, 1, self.settings.snap)  # what is wrong with it alone, before it is joined
        for file, links in enumerate(self._links):
            made = program(joined(own, without), links, self.settings.snap)
            for lane in self._of(file):
                lane.program = made
                if lane.started and not self._stopping:
                    lane.ring.filter(made)

    def stop(self) -> None:
        """Let no further packets in; the iteration ends when those that came before have been given."""
        if not self._stopping and not self._closed:
            self._stopping = True
            for lane in self._lanes:
                lane.ring.filter(NOTHING)

    def close(self) -> None:
        """Let go of the interfaces. What was counted stays."""
        if not self._closed:
            with contextlib.suppress(OSError):
                for lane in self._lanes:
                    lane.ring.count()
            self._closed = True
            for lane in self._lanes:
                lane.ring.close()
            for spare in self._spares:
                spare.close()

    def _of(self, file: int) -> list[Lane]:
        many = self.settings.workers
        return self._lanes[file * many : (file + 1) * many]

    def _start(self, lanes: list[Lane]) -> None:
        """Bind an interface's rings, closed, and open them when each of them has its share. Raises OSError."""
        group = None
        for lane in lanes:
            lane.ring.filter(NOTHING)
            lane.ring.bind(self.settings.promiscuous)
            if len(lanes) > 1:
                group = lane.ring.share(group)
        for lane in lanes:
            lane.ring.filter(lane.program)
            lane.started = True

    def _round(self, final: bool) -> NDArray[np.void]:
        """The next frames, valid until `_give_back`; none if there are none to give yet. `final`: hold nothing."""
        certain = time.time_ns() - self._hold
        if len(self._lanes) == 1:
            frames, all_read = self._lanes[0].read()
            bound = max(self._lanes[0].last, certain) if all_read else self._lanes[0].last
        else:
            bound = min([lane.look(certain) for lane in self._lanes])
            hurry = final or any(lane.half_full for lane in self._lanes)
            frames = merged([lane.split(None if hurry else bound) for lane in self._lanes])
        self.horizon = max(self.horizon, bound)
        if self._filter is not None and len(frames):
            matching = frames[self._filter.mask(FrameBatch(self._data, frames))]
            self._filtered += len(frames) - len(matching)
            if not len(matching):
                self._give_back()
            return matching
        return frames

    def _give_back(self) -> None:
        for lane in self._lanes:
            lane.give_back()

    def _wait(self, poll: select.poll) -> None:
        """For packets, for something that happens to an interface, or for WAIT."""
        if any(lane.holding for lane in self._lanes):
            time.sleep(self.settings.retire / 4)  # the sockets would say at once that there are blocks: those held
        else:
            events = poll.poll(round(WAIT * 1000))
            if any(happened & select.POLLERR for _, happened in events):
                self._look()
            elif events and not self._stopping and self._fill() < RESTFUL:
                time.sleep(
                    self._rest
                )  # thousands of packets at once cost much less than a few: caches are cold each time
                self._rest = rest(self._rest, self._fill(), self.settings.retire)

    def _fill(self) -> float:
        """Of the fullest ring."""
        return max(lane.ring.fill for lane in self._lanes)

    def _tend(self) -> None:
        """Now and then, see to interfaces that went away, also while there is no time to wait. Raises LiveError."""
        if self._closed or self._stopping or time.monotonic() - self._looked <= AGAIN:
            return
        self._looked = time.monotonic()
        self._give_back()  # nobody has frames now
        self._look()
        for file, name in enumerate(self.interfaces):
            if self._of(file)[0].down:
                self._again(name, self._of(file))

    def _look(self) -> None:
        """Something happened to an interface."""
        for lane in self._lanes:
            if lane.ring.error() == errno.ENETDOWN and not lane.down:
                lane.down = time.monotonic()
                if lane is self._of(lane.ring.file)[0]:
                    LOG.warning("the interface %s went down; waiting for it", lane.ring.interface)

    def _again(self, name: str, lanes: list[Lane]) -> None:
        """Go on with an interface that is back. Raises LiveError if that takes more sockets than there are."""
        if not interfaces.is_up(name):
            return
        if interfaces.present(name) != lanes[0].ring.index:  # another one of the same name
            certain = time.monotonic() - self._hold / 1e9
            if len(lanes) > 1 and not all(lane.empty and lane.down < certain for lane in lanes):
                return  # the old rings hold packets still
            fresh = self._fresh(name, len(lanes) if len(lanes) > 1 else 0)
            try:
                for lane, each in zip(lanes, fresh, strict=False):
                    lane.ring.renew(each)
                self._links[lanes[0].ring.file] = interfaces.links_of(name)
                self.filter(self._without)
                self._start(lanes)
            except OSError as error:
                LOG.warning("the interface %s is back and cannot be used yet: %s", name, error.strerror or error)
                for each in fresh:
                    each.close()
                return
        for lane in lanes:
            lane.down = 0.0
        LOG.warning("the interface %s is up again", name)

    def _fresh(self, name: str, count: int) -> list[socket.socket]:
        """Sockets in place of those of an interface that was removed. Raises LiveError."""
        try:
            return [self._spares.pop() if self._spares else unbound() for _ in range(count)]
        except LiveError:
            many = f"more than {SPARES} times" if len(self.interfaces) == 1 else "too often"
            raise LiveError(
                f"the interface {name} was removed and came back {many}; no more sockets are left for it (live.workers "
                "over 1), start again"
            ) from None


def rest(rested: float, fill: float, most: float) -> float:
    """How long to wait next time (s), if a ring filled up to `fill` in `rested` s: until it should be at FILLED, at most
    `most`, and not more than twice as long as before."""
    return min(most, rested * min(2.0, FILLED / fill if fill else 2.0))
