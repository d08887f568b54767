"""Headers of real captures, as tests of what follows decoding want them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from producers.timeline import open_timeline
from wireverdict import compose
from wireverdict.headers import HeaderBatch
from wireverdict.settings import Settings

DEMO = Path(__file__).resolve().parents[1] / "demo" / "dns-outage.pcap.gz"
SETTINGS = Settings()


def batches(path: Path, size: int = 4096) -> Iterator[HeaderBatch]:
    """Each is valid until the next."""
    decoder = compose.pipeline(SETTINGS).decoder
    for frames in open_timeline([str(path)], batch=size):
        yield decoder.decode(frames)


def losing() -> Path:
    """A capture of the laboratory in which packets are lost and queues stand: there is something in every table."""
    return next(
        path for path in sorted((Path(__file__).parent / "lab" / "captures").glob("*.pcap.xz")) if "polic" in path.name
    )
