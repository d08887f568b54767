"""The veil: header batches in, header batches out that say no more of addresses and names than the settings want."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import HEADER, QUESTION, HeaderBatch
from wireverdict.privacy.cryptopan import CryptoPan
from wireverdict.privacy.key import Key
from wireverdict.privacy.known import Known, replace
from wireverdict.privacy.names import DIGITS, NameHash
from wireverdict.privacy.settings import PrivacySettings


class Veil:
    """What one key makes of headers: a function of each header alone, so that all sensors with the key agree.

    Which way a packet went has been told by the decoder, from addresses as they were.
    """

    def __init__(self, settings: PrivacySettings, key: Key) -> None:
        """Raises ValueError for a network of `settings.kept` that is none."""
        self.settings, self.key = settings, key
        self._pan = CryptoPan(key.addresses, settings.kept) if settings.addresses == "crypto-pan" else None
        self._names = NameHash(key.names) if settings.names == "hashed" else None
        self._known = Known()
        self._rows: NDArray[np.void] = np.empty(0, HEADER)

    def __repr__(self) -> str:
        return f"<addresses {self.settings.addresses}, names {self.settings.names}, {self.key!r}>"

    @property
    def run(self) -> str:
        """What of it shows in the headers: two passes over one input that differ in it are not the same pass."""
        return repr((self.settings.addresses, self.settings.names, self.settings.kept, self.key.check))

    def apply(self, batch: HeaderBatch) -> HeaderBatch:
        """The batch behind the veil, valid until the next call; `batch` stays as it is."""
        if len(self._rows) < len(batch.rows):
            self._rows = np.empty(len(batch.rows), HEADER)
        rows, names = self._rows[: len(batch.rows)], batch.names
        rows[:] = batch.rows
        if self._pan is not None:
            for start in range(0, len(rows), self._known.rows):
                self._addresses(self._pan, rows[start : start + self._known.rows])
        if self._names is not None:
            asked = np.flatnonzero(rows["present"] & QUESTION)
            rows["name_offset"], rows["name_length"] = 0, 0  # also of rows that should not have any
            rows["dns_qhash"][asked], texts = self._names.map(rows["dns_qhash"][asked])
            rows["name_offset"][asked] = np.arange(len(asked)) * DIGITS
            rows["name_length"][asked] = DIGITS
            names = texts.reshape(-1)
        return batch._replace(rows=rows, names=names)

    def _addresses(self, pan: CryptoPan, rows: NDArray[np.void]) -> None:
        known = self._known
        fresh = known.enrol(rows)
        if len(fresh):
            hi, lo = pan.map(known.keys[fresh, 0], known.keys[fresh, 1])
            known.values[fresh] = np.stack([hi, lo], axis=1)
        replace(rows, known.keys, known.values, known.taken)

    def networks(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Networks as they are seen behind the veil. Raises ValueError."""
        return tuple(texts) if self._pan is None else tuple(self._pan.network(text) for text in texts)

    def address(self, text: str) -> str:
        """One address as it is seen behind the veil. Raises ValueError."""
        return self.networks([text])[0].partition("/")[0]

    def name(self, text: str) -> str:
        """One name as it is seen behind the veil."""
        return text if self._names is None else self._names.name(text)
