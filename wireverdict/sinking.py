"""Settings of ``wireverdict sink``; those of routes and of notifying are in wireverdict.notifying. Values only, so that
everything can read them without any client library."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from wireverdict.notifying import Labels, NotifySettings, Route


class SearchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What Elasticsearch and OpenSearch have in common."""

    urls: tuple[str, ...] = ("http://localhost:9200",)
    """of the nodes, or of a proxy in front of them."""
    connections: bool = True
    """whether connection records go there too, or verdicts only."""
    namespace: str = "default"
    """last part of the names of data streams: wireverdict.connection-default."""
    username: str = ""
    """for basic authentication, where there is no API key."""
    password: str = ""
    """for it."""
    password_file: str = ""
    """a file whose first line is the password."""
    ca_file: str = ""
    """certificates (PEM) that sign the server's; empty: the system's."""
    certificate_file: str = ""
    """this client's own certificate (PEM), where servers ask for one."""
    key_file: str = ""
    """its key (PEM)."""
    verify: bool = True
    """whether the server's certificate is checked. Switch off only to find a fault."""
    timeout: float = 30.0
    """s for one request."""
    setup: bool = True
    """whether index templates are put when the sink starts; otherwise `wireverdict sink setup` does it once."""
    refresh: bool = False
    """whether each batch can be found at once. For tests; it costs the server dearly."""


class ElasticsearchSettings(SearchSettings, frozen=True, forbid_unknown_fields=True):
    """Elasticsearch 8.x, and 9.x, which understands clients of 8.x."""

    api_key: str = ""
    """encoded (id:key in base64); better from api_key_file or the environment than from a file of settings."""
    api_key_file: str = ""
    """a file whose first line is the API key; read again at each start and after a refusal."""
    retention: str = "30d"
    """how long data streams keep documents."""


class OpenSearchSettings(SearchSettings, frozen=True, forbid_unknown_fields=True):
    """OpenSearch 2.x and 3.x."""


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A POST for each verdict."""

    url: str = ""
    """where it goes; https unless allow_http is set."""
    connections: bool = False
    """whether connection records are posted too."""
    pages: bool = False
    """whether it gets pages, as pagers do, and not each step of each verdict."""
    template: str = ""
    """body with ${dotted.names} of the document's fields, each as JSON; empty: the document itself."""
    content_type: str = "application/json"
    """of the body."""
    secret: str = ""
    """for the signature (HMAC-SHA256 over time and body); better from secret_file or the environment."""
    secret_file: str = ""
    """a file whose first line is the secret."""
    token: str = ""
    """sent as Authorization: Bearer; better from token_file or the environment."""
    token_file: str = ""
    """a file whose first line is the token."""
    connect_timeout: float = 5.0
    """s to connect, name look-up aside."""
    timeout: float = 15.0
    """s to wait for an answer."""
    allow_http: bool = False
    """whether http without TLS may be used."""
    allow_private: bool = False
    """whether private, loopback and link-local addresses may be posted to: off, so that a URL that somebody else wrote
    cannot reach what only this host can reach."""
    ca_file: str = ""
    """certificates (PEM) that sign the server's; empty: the system's."""

    def __post_init__(self) -> None:
        if self.connect_timeout <= 0 or self.timeout <= 0:
            raise ValueError("sinks.webhook.connect_timeout and timeout must be more than 0 s")


class EndpointSettings(WebhookSettings, frozen=True, forbid_unknown_fields=True):
    """Another endpoint for webhooks, a sink of its own: ``webhook.NAME``."""

    name: str = ""
    """lower-case letters, digits and hyphens."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name):
            raise ValueError(f"sinks.webhooks: the name {self.name!r} is not of lower-case letters, digits and hyphens")


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What services that are spoken to by HTTP have in common."""

    timeout: float = 15.0
    """s to connect, and s to wait for an answer."""
    ca_file: str = ""
    """certificates (PEM) that sign the server's; empty: the system's."""
    link: str = ""
    """a URL for people to follow, with ${incident}, ${fingerprint} or ${id} in it; empty: none."""


class PagerDutySettings(HttpSettings, frozen=True, forbid_unknown_fields=True):
    """PagerDuty, Events API v2."""

    url: str = "https://events.pagerduty.com/v2/enqueue"
    """of the API; https://events.eu.pagerduty.com/v2/enqueue in Europe."""
    routing_key: str = ""
    """of the integration; better from routing_key_file or the environment."""
    routing_key_file: str = ""
    """a file whose first line is the routing key."""


class OpsgenieSettings(HttpSettings, frozen=True, forbid_unknown_fields=True):
    """Opsgenie, Alert API."""

    url: str = "https://api.opsgenie.com"
    """of the API; https://api.eu.opsgenie.com in Europe."""
    api_key: str = ""
    """of the integration; better from api_key_file or the environment."""
    api_key_file: str = ""
    """a file whose first line is the key."""


class AlertmanagerSettings(HttpSettings, frozen=True, forbid_unknown_fields=True):
    """Prometheus Alertmanager, API v2."""

    url: str = "http://localhost:9093"
    """of the server, without /api."""
    hold: float = 7_500.0
    """s after which an alert that is not told again ends by itself: twice alerts.renotify and some more."""


class SplunkSettings(HttpSettings, frozen=True, forbid_unknown_fields=True):
    """Splunk, HTTP Event Collector."""

    url: str = "https://localhost:8088"
    """of the collector, without /services."""
    token: str = ""
    """of the collector; better from token_file or the environment."""
    token_file: str = ""
    """a file whose first line is the token."""
    index: str = ""
    """where events go; empty: the token's own."""
    connections: bool = True
    """whether connection records go there too, or verdicts only."""


class AppriseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chat, mail and push by Apprise: Slack, Teams, Discord, ntfy, e-mail and a hundred more."""

    urls: tuple[str, ...] = ()
    """as Apprise wants them; they hold secrets, so urls_file or the environment is better."""
    urls_file: str = ""
    """a file with a URL on each line."""
    link: str = ""
    """a URL for people to follow, with ${incident}, ${fingerprint} or ${id} in it; empty: none."""
    timeout: float = 30.0
    """s for one message to one service."""


class SyslogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Syslog, RFC 5424."""

    address: str = "localhost:514"
    """host:port of the collector."""
    transport: Literal["tcp", "tls", "udp"] = "tcp"
    """tls: RFC 5425, usually port 6514. Over udp what is lost is lost."""
    format: Literal["json", "cef"] = "json"
    """of the message: the document, or ArcSight's Common Event Format."""
    facility: int = 16
    """0 to 23; 16 is local0."""
    connections: bool = False
    """whether connection records go there too."""
    timeout: float = 10.0
    """s to connect and to send."""
    ca_file: str = ""
    """certificates (PEM) that sign the collector's; empty: the system's."""

    def __post_init__(self) -> None:
        if not 0 <= self.facility <= 23:
            raise ValueError("sinks.syslog.facility must be 0 to 23")


class FilesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """JSON lines in files that are rotated."""

    directory: str = "/var/lib/wireverdict"
    """where verdict.jsonl and connection.jsonl are."""
    connections: bool = True
    """whether connection records are written too."""
    rotate_bytes: int = 1_000_000_000
    """bytes from which a file is moved aside …"""
    keep: int = 10
    """… and how many of those are kept; older ones are deleted."""

    def __post_init__(self) -> None:
        if self.rotate_bytes < 1 or self.keep < 1:
            raise ValueError("sinks.files.rotate_bytes and keep must be at least 1")


class ParquetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Connection records as Parquet, in a directory for each hour of packet time."""

    directory: str = "/var/lib/wireverdict/parquet"
    """below it: hour=2026-11-23T07/*.parquet."""


class SinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Delivery from Kafka, the same for every destination; each destination has its own section below."""

    group: str = "sink"
    """consumer group, after bus.prefix and before the sink's name. Another group gets everything once more, for a second
    destination of the same kind."""
    from_latest: bool = False
    """where a group begins that has never read: false for the oldest message that is kept, true for the next one."""
    batch_documents: int = 2_000
    """documents handed to a destination at a time."""
    batch_bytes: int = 5_000_000
    """bytes of them."""
    linger: float = 1.0
    """s that documents wait for others to be delivered with."""
    backoff_first: float = 0.5
    """s to wait before a failed delivery is tried again; doubled each time, with jitter."""
    backoff_most: float = 60.0
    """s to wait at most, unless the destination asks for more (Retry-After)."""
    breaker_failures: int = 5
    """failures in a row after which a destination is left alone …"""
    breaker_pause: float = 30.0
    """… for so many s, and then tried with a single document."""
    max_refused: int = 1_000
    """documents refused for good, among the last `refused_window`, before the sink stops: then something is wrong that
    nobody should skip over."""
    refused_window: int = 10_000
    """documents that `max_refused` looks at."""
    buffer_bytes: int = 16_777_216
    """bytes that are fetched ahead from Kafka."""
    routes: tuple[Route, ...] = ()
    """which verdicts go to which sinks (docs/sinks.md); a sink that no route names gets everything."""
    labels: tuple[Labels, ...] = ()
    """labels that verdicts get, for routes, silences and groups (docs/sinks.md)."""
    webhooks: tuple[EndpointSettings, ...] = ()
    """further endpoints, each a sink of its own, webhook.NAME, with the settings of sinks.webhook (docs/sinks.md)."""
    metrics_port: int = 0
    """TCP port of Prometheus metrics; 0: none."""
    metrics_address: str = "127.0.0.1"
    """address at which metrics are served."""
    notify: NotifySettings = NotifySettings()
    elasticsearch: ElasticsearchSettings = ElasticsearchSettings()
    opensearch: OpenSearchSettings = OpenSearchSettings()
    webhook: WebhookSettings = WebhookSettings()
    apprise: AppriseSettings = AppriseSettings()
    pagerduty: PagerDutySettings = PagerDutySettings()
    opsgenie: OpsgenieSettings = OpsgenieSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    splunk: SplunkSettings = SplunkSettings()
    syslog: SyslogSettings = SyslogSettings()
    files: FilesSettings = FilesSettings()
    parquet: ParquetSettings = ParquetSettings()

    def __post_init__(self) -> None:
        if min(self.batch_documents, self.batch_bytes, self.breaker_failures, self.max_refused) < 1:
            raise ValueError("sinks.batch_documents, batch_bytes, breaker_failures and max_refused must be at least 1")
        if self.metrics_port > 65_535:
            raise ValueError("sinks.metrics_port must be a TCP port, at most 65535")
        if self.refused_window < self.max_refused:
            raise ValueError("sinks.refused_window must not be less than sinks.max_refused")
        if self.linger < 0 or min(self.backoff_first, self.backoff_most, self.breaker_pause) <= 0:
            raise ValueError("the times in the section sinks must be more than 0 s (linger: 0 s or more)")
