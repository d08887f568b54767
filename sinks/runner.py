"""Running sinks: each in a thread of its own, so that none waits for another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from prometheus_client import start_http_server

from sinks import registry
from sinks.base import Kind, Sink, Unavailable
from sinks.delivery import Delivery
from sinks.metrics import Metrics
from sinks.notify.loop import Loop
from sinks.sample import samples
from wireverdict.serving import serving
from wireverdict.settings import Settings

LOG = logging.getLogger("wireverdict.sink")


class Runner:
    """Several sinks in one process; those that get pages with a notifier each."""

    def __init__(self, names: Sequence[str], settings: Settings, stop: threading.Event) -> None:
        """Raises ValueError, ImportError, OSError for what cannot be run."""
        self.metrics = Metrics()
        self.failed: dict[str, str] = {}
        self._stop = stop
        self._stops: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        seed, given = settings.capture.community_id_seed, (settings.bus, settings.sinks, self.metrics)
        for name in dict.fromkeys(names):
            sink, own = registry.make(name, settings), self._stops.setdefault(name, threading.Event())
            self._add(name, f"sink-{name}", Delivery(name, sink, *given, own, seed).run)
            if Kind.PAGE in sink.wants:
                self._add(name, f"notifier-{name}", Loop(name, *given, own).run)
        port, address = settings.sinks.metrics_port, settings.sinks.metrics_address
        if port:
            with serving(address, port, "sinks.metrics_port"):
                start_http_server(port, address, self.metrics.registry)

    def run(self) -> dict[str, str]:
        """Until all have ended; why those that failed did. A sink that fails does not stop the others."""
        for thread in self._threads:
            thread.start()
        while any(thread.is_alive() for thread in self._threads):  # in steps, so that signals are heard
            if self._stop.wait(0.2):
                for stop in self._stops.values():
                    stop.set()
                for thread in self._threads:
                    thread.join(0.2)
        return self.failed

    def _add(self, name: str, title: str, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=self._run, args=(name, title, work), name=title))

    def _run(self, name: str, title: str, work: Callable[[], None]) -> None:
        LOG.info("started", extra={"sink": name, "part": title})
        try:
            work()
        except Exception as error:  # whatever it is, the other sinks go on
            self.failed[name] = f"{type(error).__name__}: {error}"
            LOG.critical("stopped", exc_info=error, extra={"sink": name, "part": title, "reason": str(error)})
            self._stops[name].set()  # a sink without its notifier, or the other way round, would look well
        else:
            LOG.info("stopped", extra={"sink": name, "part": title})


def try_out(sink: Sink) -> tuple[bool, str]:
    """Send samples; whether the destination took them, and what happened in words."""
    started = time.monotonic()
    try:
        sink.open()
        documents = samples(sink.wants, time.time_ns())
        refused = list(sink.write(documents))
    except Unavailable as error:
        return False, f"not delivered: {error}"
    finally:
        sink.close()
    if refused:
        return False, f"refused {len(refused)} of {len(documents)} documents: {refused[0].reason}"
    return True, f"delivered {len(documents)} documents in {time.monotonic() - started:.2f} s"
