"""What a producer counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from wireverdict.serving import serving


class Metrics:
    """Counters of one producer, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.frames = Counter("wireverdict_capture_frames", "Frames read.", registry=self.registry)
        self.headers = Counter("wireverdict_capture_headers", "Headers decoded.", registry=self.registry)
        self.dropped = Gauge(
            "wireverdict_capture_dropped", "Frames and headers left out so far.", ["reason"], registry=self.registry
        )
        self.freezes = Gauge("wireverdict_capture_freezes", "Times that the ring was full.", registry=self.registry)
        self.ring = Gauge("wireverdict_capture_ring_fill", "Share of the fullest ring in use.", registry=self.registry)
        self.share = Gauge(
            "wireverdict_capture_sampling", "Share of address pairs whose packets are taken.", registry=self.registry
        )
        self.share.set(1)
        self.interface = Gauge(
            "wireverdict_capture_interface_lost",
            "What the interface itself counts as lost.",
            ["interface", "counter"],
            registry=self.registry,
        )
        self.batches = Counter(
            "wireverdict_capture_batches", "Messages that Kafka has acknowledged.", registry=self.registry
        )
        self.bytes = Counter("wireverdict_capture_bytes", "Bytes in them.", registry=self.registry)
        self.queue = Gauge("wireverdict_capture_queue", "Messages on their way to Kafka.", registry=self.registry)
        self.spool = Gauge("wireverdict_capture_spool_bytes", "Bytes that wait on disk.", registry=self.registry)
        self.spooling = Gauge("wireverdict_capture_spooling", "1 while Kafka is away.", registry=self.registry)

    def serve(self, port: int, address: str = "127.0.0.1") -> Callable[[], None]:
        """Answer Prometheus on that port from now on; what ends it again. Raises OSError."""
        with serving(address, port, "--metrics"):
            server, thread = start_http_server(port, address, self.registry)

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return end
