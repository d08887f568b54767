"""Windows of event time over headers and notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.home import HomeNetworks
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.view import WindowView


class Windows:
    """Sums headers into windows and hands over each window once, when it is certain.

        start = 0
        while start < len(rows):
            start = windows.observe(rows, names, notes, start)
            for view in windows.close():
                ...
        for view in windows.finish():
            ...

    `observe` stops before the header that makes a window due, so that what comes out does not depend on batch sizes.
    """

    def __init__(self, settings: WindowSettings | None = None, home_networks: Iterable[str] = ()) -> None:
        self.settings = settings or WindowSettings()
        self.home = HomeNetworks(home_networks)

    @property
    def dns_totals(self) -> dict[str, int]:
        """Of all packets so far: attempts = answered + late + unanswered + pending, and orphans, untracked.

        `pending` are attempts whose time-out has not passed on the watermark.
        """
        raise NotImplementedError

    @property
    def late_packets(self) -> int:
        """Packets left out of windows because theirs had closed."""
        raise NotImplementedError

    def observe(self, rows: NDArray[np.void], names: NDArray[np.uint8], notes: NDArray[np.void], start: int = 0) -> int:
        """Take up rows[start:] until a window is due; the index of the first row not taken up (len(rows): all done).

        `rows` HEADER[n], `names` uint8[m], `notes` NOTE[n].
        """
        raise NotImplementedError

    def close(self) -> Iterator[WindowView]:
        """Windows that are due, in order of time."""
        raise NotImplementedError

    def finish(self) -> Iterator[WindowView]:
        """Everything still open, at the end of the input."""
        raise NotImplementedError
