"""Chat, mail and push by Apprise. These services know no ids: a message may come twice after a crash, and only then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apprise

from sinks.base import Document, Kind, Refused, Sink, Unavailable
from sinks.wording import Notice, notice
from wireverdict.settings import Settings
from wireverdict.sinking import AppriseSettings

TYPES = {"info": "info", "warning": "warning", "critical": "failure"}


class Chat(Sink):
    """Every verdict to every service. A service that fails is tried again without repeating it to the others."""

    most = 1
    wants = frozenset({Kind.PAGE})
    notifies = True

    def __init__(self, settings: AppriseSettings) -> None:
        """Raises ValueError without URLs, or for one that Apprise does not know."""
        if not (settings.urls or settings.urls_file):
            raise ValueError("sinks.apprise.urls or urls_file must be set")
        self.settings = settings
        self._services: list[apprise.Apprise] = []
        self._told: tuple[str, set[int]] = ("", set())  # the last document, and the services that have had it
        self._made(settings.urls)

    def open(self) -> None:
        """See Sink."""
        urls = list(self.settings.urls)
        try:
            if self.settings.urls_file:
                urls += Path(self.settings.urls_file).read_text(encoding="utf-8").split()
        except OSError as error:
            raise Unavailable(str(error)) from None
        self._services = self._made(urls)

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """See Sink."""
        for number, document in enumerate(documents):
            if self._told[0] != document.id:
                self._told = (document.id, set())
            words = notice(document, self.settings.link)
            for place, service in enumerate(self._services):
                if place not in self._told[1]:
                    failed = self._tell(service, words)
                    if failed:
                        raise Unavailable(
                            f"service {place + 1} of {len(self._services)}: {failed}", rest=documents[number:]
                        )
                    self._told[1].add(place)
        return []

    def _tell(self, service: apprise.Apprise, words: Notice) -> str:
        """Why it failed; empty if it worked."""
        kind = "success" if words.resolved else TYPES[words.severity]
        done = service.notify(
            body=words.text, title=words.title, notify_type=apprise.NotifyType(kind), timeout=self.settings.timeout
        )
        return "" if done else f"{service[0].service_name} did not take the message"

    @staticmethod
    def _made(urls: Sequence[str]) -> list[apprise.Apprise]:
        services = []
        for number, url in enumerate(urls, 1):
            service = apprise.Apprise()
            if not service.add(url):  # the URL itself may hold secrets, so it is not shown
                raise ValueError(
                    f"URL {number} of sinks.apprise is none that Apprise knows ({url.partition(':')[0]}:…)"
                )
            services.append(service)
        return services


def make(settings: Settings) -> Chat:
    """The sink of the section sinks.apprise."""
    return Chat(settings.sinks.apprise)
