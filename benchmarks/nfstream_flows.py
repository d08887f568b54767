"""Read a capture with nfstream: ``python nfstream_flows.py FILE``, by the interpreter of nfstream's own environment."""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    """Go through all flows, with neither plugins nor protocol detection, and count them."""
    reader = importlib.import_module("nfstream").NFStreamer
    streamer = reader(source=sys.argv[1], n_dissections=0, statistical_analysis=True, n_meters=1)
    print(sum(1 for _ in streamer))


if __name__ == "__main__":
    main()
