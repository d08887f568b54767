"""Destinations that take one HTTP request for a document, or for several."""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import httpx

from sinks.base import Document, Refused, Sink, Unavailable
from sinks.http import Rejected, client, post
from wireverdict.sinking import HttpSettings


class Call(NamedTuple):
    """A request, and the documents that it delivers."""

    documents: Sequence[Document]
    url: str
    body: bytes
    headers: dict[str, str]


class PostingSink(Sink):
    """Makes the requests that `calls` says. Addresses may be private: these services stand in networks of one's own."""

    most: int | None = 20

    def __init__(self, settings: HttpSettings) -> None:
        self.http = settings
        self._client: httpx.Client | None = None

    @abc.abstractmethod
    def calls(self, documents: Sequence[Document]) -> Iterator[Call]:
        """The requests, in order, each document in one of them."""

    def read_secrets(self) -> None:
        """Called by open; raises OSError."""

    def open(self) -> None:
        """See Sink."""
        self.close()
        try:
            self.read_secrets()
            self._client = client(self.http.timeout, self.http.timeout, ca_file=self.http.ca_file)
        except OSError as error:
            raise Unavailable(str(error)) from None

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """See Sink."""
        if self._client is None:
            self.open()
        assert self._client is not None
        refused: list[Refused] = []
        waiting = deque(self.calls(documents))
        while waiting:
            call = waiting.popleft()
            try:
                post(self._client, call.url, call.body, {"Content-Type": "application/json", **call.headers})
            except Rejected as error:
                if len(call.documents) == 1:
                    refused.append(Refused(call.documents[0], str(error)))
                else:  # one of them is bad: which?
                    singles = [one for document in call.documents for one in self.calls([document])]
                    waiting.extendleft(reversed(singles))
            except Unavailable as error:
                if error.status in (401, 403):
                    self.close()  # the next try reads the secrets again
                rest = [document for each in (call, *waiting) for document in each.documents]
                raise Unavailable(str(error), rest=rest, refused=refused, retry_after=error.retry_after) from None
        return refused

    def close(self) -> None:
        """See Sink."""
        made, self._client = self._client, None
        if made is not None:
            made.close()
