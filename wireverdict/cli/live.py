"""What ``wireverdict capture -i`` does: packets of network interfaces to the headers topic, until it is told to stop."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from producers.batching import Batcher
from producers.capture import Capture
from producers.live.errors import LiveError
from producers.live.program import without
from producers.live.quality import Quality
from producers.live.rehearsal import rehearse
from producers.live.source import LiveSource
from producers.metrics import Metrics
from producers.publisher import PATIENCE, REACH, Publisher, PublishError
from wireverdict.bus import BusSettings
from wireverdict.cli.app import FAILED
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.rights import give_up
from wireverdict.cli.sending import FLUSH, LOG, log_sent, open_spool, waiting
from wireverdict.cli.veiling import open_veil
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.partition import divided
from wireverdict.sampling import Sampler
from wireverdict.settings import Settings

if TYPE_CHECKING:
    from wireverdict.cli.capturing import Options

FAR = (1 << 63) - 1
LATER = (
    "wireverdict.decode.slow",
    "encodings.idna",
    "encodings.ascii",
    "encodings.latin_1",
    "wireverdict.codec.headers",
)
"""Modules that are imported when first needed; the user that we become may not be able to read them."""


class LiveRun:
    """One capture."""

    def __init__(self, options: Options, chosen: Settings, interrupts: Interrupts) -> None:
        """Opens the interfaces, then gives up all rights, then does the rest.

        Raises LiveError, FilterError, and what Publisher, Spool and the parts of the decoder raise.
        """
        self.options, self.chosen, self.interrupts = options, chosen, interrupts
        took, live = chosen.capture, chosen.live
        self.began = time.time_ns()
        self._known = self._over = False
        self.source = LiveSource(
            options.interfaces,
            live,
            expression=options.expression or "",
            without=without(addresses(servers(chosen.bus))) if live.exclude_bus else "",
        )
        try:
            decoder = Decoder(DecodeSettings(tunnels=took.tunnels, home_nets=took.home_networks))
            veil = open_veil(chosen.privacy, os.environ)
            give_up(live.user, LATER)
            self.metrics, self.sampler = Metrics(), Sampler()
            self.spool = open_spool(options)
            self.publisher = Publisher(chosen.bus, self.spool, self.metrics, stopped=lambda: interrupts.signal != 0)
            self.quality = Quality(self.source, self.sampler, live, self.metrics)
            self.batcher = Batcher(
                options.sensor,
                options.run or secrets.token_hex(8),
                chosen.bus.partitions,
                divided,
                drops=lambda: {**self.quality.drops(FAR if self._over else self.batcher.clock), **self.publisher.drops},
                capture=lambda: {**self.quality.told(), **undecoded(decoder.skipped)},
            )
            self.capture = Capture(decoder, self.batcher, self.publisher, self.metrics, veil, self.sampler)
        except BaseException:
            self.source.close()
            raise

    def status(self) -> int:
        """Do it; the exit status. Raises PublishError, SpoolError, LiveError."""
        end: Callable[[], None] = lambda: None  # noqa: E731
        began = time.monotonic()
        try:
            self._reach()
            if self.options.metrics_port:
                end = self.metrics.serve(self.options.metrics_port)
            rehearse(self.chosen.bus.partitions)
            LOG.info("capturing", extra={"interfaces": list(self.source.interfaces), "sensor": self.options.sensor})
            if self.options.log == "text":
                print(f"capturing from {', '.join(self.source.interfaces)}", file=sys.stderr, flush=True)
            self.capture.begin(self.began)
            for batch in self.source:
                if len(batch.frames):
                    self.capture.feed(batch)
                self.quality.look()
                self.capture.idle(self.source.horizon)
                self.publisher.serve()
                if self.publisher.acknowledged:
                    self._leave_out()
                if self.interrupts.signal:
                    self.source.stop()
            self.quality.look(final=True)
            self._over = True
            self.batcher.clock = max(self.batcher.clock, self.source.horizon)
            self.capture.end()
            unsent = self.publisher.close(FLUSH)
        finally:
            self.source.close()
            end()
        return self._report(unsent, time.monotonic() - began)

    def _reach(self) -> None:
        """Kafka, if it is there; without a spool it has to be."""
        if self.publisher.reach(REACH if self.spool is None else PATIENCE):  # packets come in meanwhile
            self._leave_out()

    def _leave_out(self) -> None:
        """Traffic with the brokers that bus.servers name, once they can be asked."""
        if self._known or not self.chosen.live.exclude_bus:
            return
        named = self.publisher.brokers(PATIENCE)
        self._known = bool(named)
        self.source.filter(without(addresses([*servers(self.chosen.bus), *named])))

    def _report(self, unsent: int, seconds: float) -> int:
        done, counters = self.capture, self.quality.counters
        log_sent(self.options, done, seconds, dropped=counters.dropped)
        if self.options.log == "text":
            left = "".join(f", {count:,} {reason}" for reason, count in done.left_out.items())
            lost = f", {counters.dropped:,} dropped by the kernel" if counters.dropped else ""
            print(f"{done.headers:,} headers of {done.frames:,} packets{lost}{left}", file=sys.stderr)
        if sentence := waiting(self.publisher, self.spool):
            raise PublishError(sentence)
        if unsent:
            raise PublishError(f"Kafka did not take the last {unsent} batches; they are lost (see --spool)")
        return 128 + self.interrupts.signal if self.interrupts.signal else FAILED


def undecoded(skipped: Mapping[str, int]) -> dict[str, int]:
    """How many packets the decoder could make nothing of, of those that should have been IP; empty for none."""
    count = sum(number for reason, number in skipped.items() if reason not in ("arp", "not_ip"))
    return {"undecoded": count} if count else {}


def servers(bus: BusSettings) -> list[tuple[str, int]]:
    """Host and port of each of bus.servers."""
    named = []
    for each in bus.servers.split(","):
        host, _, port = each.strip().rpartition(":")
        if port.isdigit():
            named.append((host.rpartition("//")[2].strip("[]"), int(port)))
    return named


def addresses(named: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """IP addresses and ports of hosts, as far as they can be resolved now."""
    found = set()
    for host, port in named:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            LOG.warning("the broker %s cannot be resolved (%s): traffic with it is captured", host, error)
            continue
        found |= {(str(answer[4][0]), port) for answer in answers}
    return sorted(found)


__all__ = ["LiveError", "LiveRun"]
