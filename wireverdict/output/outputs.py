"""What a run writes to: each output takes records and verdicts as they come, and the summary at the end.

Writers are imported when they are made: a run starts sooner without the kernels of those that it does not use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from wireverdict.output.stream import OutputError, Stream
from wireverdict.verdicts import Verdict


class Output(Protocol):
    """All methods raise OutputError. `finish` comes once, last."""

    def connections(self, rows: NDArray[np.void]) -> None:
        """Records (CONNECTION), in order."""
        ...

    def verdict(self, verdict: Verdict) -> None:
        """One step in the life of a verdict."""
        ...

    def finish(self, summary: dict[str, Any]) -> None:
        """The end of the run, with the summary document."""
        ...


class JsonLines:
    """All documents, one a line, in the order in which they come."""

    def __init__(self, stream: Stream, seed: int = 0) -> None:
        from wireverdict.output.json_records import json_lines

        self._lines = json_lines
        self._stream = stream
        self._seed = seed

    def connections(self, rows: NDArray[np.void]) -> None:
        """See Output."""
        for piece in self._lines(rows, self._seed):
            self._stream.write(piece)

    def verdict(self, verdict: Verdict) -> None:
        """See Output."""
        self._stream.write(orjson.dumps(verdict.to_json(), option=orjson.OPT_APPEND_NEWLINE))

    def finish(self, summary: dict[str, Any]) -> None:
        """See Output."""
        self._stream.write(orjson.dumps(summary, option=orjson.OPT_APPEND_NEWLINE))
        self._stream.close()


class CsvFile:
    """Connection records only."""

    def __init__(self, stream: Stream, seed: int = 0) -> None:
        from wireverdict.output.csv_records import HEADER_LINE, csv_lines

        self._lines = csv_lines
        self._stream = stream
        self._seed = seed
        stream.write(HEADER_LINE)

    def connections(self, rows: NDArray[np.void]) -> None:
        """See Output."""
        for piece in self._lines(rows, self._seed):
            self._stream.write(piece)

    def verdict(self, verdict: Verdict) -> None:
        """Not in this file."""

    def finish(self, summary: dict[str, Any]) -> None:
        """See Output."""
        self._stream.close()


class ParquetFile:
    """Connection records only, in row groups of about 100,000, compressed with zstd."""

    GROUP = 100_000

    def __init__(self, path: str | Path, seed: int = 0) -> None:
        """Raises OutputError, and ImportError without pyarrow."""
        import pyarrow.parquet

        from wireverdict.output.table import records_table
        from wireverdict.records import CONNECTION

        self._table = records_table
        self._name = str(path)
        self._seed = seed
        self._rows: list[NDArray[np.void]] = []
        self._count = 0
        schema = records_table(np.zeros(0, CONNECTION), seed).schema
        try:
            self._writer = pyarrow.parquet.ParquetWriter(self._name, schema, compression="zstd")
        except OSError as error:
            raise OutputError(self._name, error) from None

    def connections(self, rows: NDArray[np.void]) -> None:
        """See Output."""
        self._rows.append(rows)
        self._count += len(rows)
        if self._count >= self.GROUP:
            self._flush()

    def verdict(self, verdict: Verdict) -> None:
        """Not in this file."""

    def finish(self, summary: dict[str, Any]) -> None:
        """See Output."""
        if self._count:
            self._flush()
        try:
            self._writer.close()
        except OSError as error:
            raise OutputError(self._name, error) from None

    def _flush(self) -> None:
        rows, self._rows, self._count = np.concatenate(self._rows), [], 0
        try:
            self._writer.write_table(self._table(rows, self._seed))
        except OSError as error:
            raise OutputError(self._name, error) from None
