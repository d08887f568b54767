"""Running sinks: each in a thread of its own, so that none waits for another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from prometheus_client import start_http_server

from sinks import registry
from sinks.base import Sink, Unavailable
from sinks.delivery import Delivery
from sinks.metrics import Metrics
from sinks.sample import samples
from wireverdict.settings import Settings

LOG = logging.getLogger("wireverdict.sink")


class Runner:
    """Several sinks in one process."""

    def __init__(self, names: Sequence[str], settings: Settings, stop: threading.Event) -> None:
        """Raises ValueError, ImportError, OSError for what cannot be run."""
        self.metrics = Metrics()
        self.failed: dict[str, str] = {}
        sinks = {name: registry.make(name, settings) for name in dict.fromkeys(names)}
        seed = settings.capture.community_id_seed
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(name, Delivery(name, sink, settings.bus, settings.sinks, self.metrics, stop, seed)),
                name=f"sink-{name}",
            )
            for name, sink in sinks.items()
        ]
        if settings.sinks.metrics_port:
            start_http_server(settings.sinks.metrics_port, settings.sinks.metrics_address, self.metrics.registry)

    def run(self) -> dict[str, str]:
        """Until all have ended; why those that failed did. A sink that fails does not stop the others."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            while thread.is_alive():  # in steps, so that signals are heard
                thread.join(0.2)
        return self.failed

    def _run(self, name: str, delivery: Delivery) -> None:
        LOG.info("started", extra={"sink": name})
        try:
            delivery.run()
        except Exception as error:  # whatever it is, the other sinks go on
            self.failed[name] = f"{type(error).__name__}: {error}"
            LOG.critical("stopped", exc_info=error, extra={"sink": name, "reason": str(error)})
        else:
            LOG.info("stopped", extra={"sink": name})


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
