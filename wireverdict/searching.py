"""What `wireverdict doctor` asks Elasticsearch: whether it answers, who we are to it, its version, its templates."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

from wireverdict.sinking import ElasticsearchSettings

VERSIONS = (8, 9)
"""Major versions that the sink was tried with."""
CLUSTER = ["monitor"]
INDICES = ("logs-wireverdict.connection", "logs-wireverdict.verdict", "wireverdict-incidents")
"""Names without the namespace."""
INDEX = ["auto_configure", "create_doc", "index"]
"""Privileges that the sink needs (docs/sinks.md)."""


class Answer(NamedTuple):
    """Of the server, or of nobody: `status` 0."""

    status: int
    body: Any
    reason: str = ""


class Trouble(Exception):
    """What is wrong, and what to do: a sentence. `fatal`: nothing will be delivered."""

    def __init__(self, text: str, fatal: bool = True) -> None:
        super().__init__(text)
        self.fatal = fatal


def look(settings: ElasticsearchSettings, timeout: float) -> str:
    """What is to be said of a server that is as it should be. Raises Trouble."""
    server = _Server(settings, timeout)
    version = server.version()
    health = server.get("/_cluster/health")
    if health.status in (401, 403):
        raise Trouble(f"{server.url} does not let {server.name} see its health ({health.status}): grant monitor")
    server.allowed()
    missing = server.missing()
    state = str(health.body.get("status", "unknown")) if isinstance(health.body, dict) else "unknown"
    told = f"{server.url} answers {server.name}, version {version}, status {state}"
    if state == "red":
        raise Trouble(f"{told}: some data cannot be written or found; see GET _cluster/allocation/explain", fatal=False)
    if missing and settings.setup:
        raise Trouble(f"{told}; {len(missing)} templates are not there yet: the sink puts them when it starts", False)
    if missing:
        raise Trouble(
            f"{told}; there is no {missing[0].removeprefix('/')}, and sinks.elasticsearch.setup is off: "
            "run wireverdict sink setup elasticsearch"
        )
    return f"{told}, templates are there"


class _Server:
    """The first of the nodes that answers."""

    def __init__(self, settings: ElasticsearchSettings, timeout: float) -> None:
        """Raises Trouble for settings that cannot be used."""
        self.settings, self.timeout = settings, timeout
        self.url = settings.urls[0].rstrip("/")
        try:
            self._login = login(settings)
            self._trust = _trust(settings)
        except OSError as error:
            raise Trouble(f"a file of sinks.elasticsearch cannot be read: {error}") from None
        self.name = settings.username if self._login.startswith("Basic") else "an API key" if self._login else "anybody"

    def version(self) -> str:
        """Raises Trouble where nobody answers, refuses, or is something else."""
        answer = Answer(0, None)
        for url in self.settings.urls:
            self.url = url.rstrip("/")
            answer = self.get("/")
            if answer.status:
                break
        if not answer.status:
            raise Trouble(f"{self.url} cannot be reached: {answer.reason}; check sinks.elasticsearch.urls")
        if answer.status in (401, 403):
            what = f"refuses {self.name}" if self._login else "asks for a login"
            raise Trouble(f"{self.url} {what} ({answer.status}): see sinks.elasticsearch.api_key_file and username")
        told = answer.body.get("version", {}) if isinstance(answer.body, dict) else {}
        number = str(told.get("number", "")) if isinstance(told, dict) else ""
        if answer.status == 405:  # without the module rest-root, as some distributions are
            nodes = self.get("/_nodes/_local?filter_path=nodes.*.version").body
            found = nodes.get("nodes", {}) if isinstance(nodes, dict) else {}
            answer, number = Answer(200, None), next((str(node["version"]) for node in found.values()), "")
        if answer.status != 200 or not number:
            raise Trouble(f"{self.url} is no Elasticsearch: it answers {answer.status} {answer.reason}".rstrip())
        if told.get("distribution"):
            raise Trouble(f"{self.url} is {told['distribution']} {number}: use the section sinks.opensearch")
        major = number.partition(".")[0]
        if not major.isdigit() or int(major) < VERSIONS[0]:
            raise Trouble(f"{self.url} is Elasticsearch {number}; {VERSIONS[0]}.0 is the oldest that works")
        return number

    def allowed(self) -> None:
        """Raises Trouble for a user who lacks privileges; servers without security have nothing to say."""
        names = [f"{name}-{self.settings.namespace}" for name in INDICES]
        wanted = {"cluster": CLUSTER, "index": [{"names": names, "privileges": INDEX}]}
        answer = self.get("/_security/user/_has_privileges", wanted)
        if answer.status != 200 or not isinstance(answer.body, dict) or answer.body.get("has_all_requested", True):
            return
        lacks = [name for name, given in answer.body.get("cluster", {}).items() if not given]
        for index, privileges in answer.body.get("index", {}).items():
            lacks += [f"{name} on {index}" for name, given in privileges.items() if not given]
        raise Trouble(f"{self.url}: {self.name} lacks {', '.join(lacks)}; docs/sinks.md has the role")

    def missing(self) -> list[str]:
        """Templates that are not there. Those that we may not see count as there."""
        from sinks.search import objects

        paths = [path for path, _ in objects("elasticsearch", self.settings)]
        return [path for path in paths if self.get(path).status == 404]

    def get(self, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """What it answers; never raises."""
        headers = {"Accept": "application/json"}
        if self._login:
            headers["Authorization"] = self._login
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout, context=self._trust) as answer:
                return Answer(answer.status, json.loads(answer.read() or b"null"))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, None, str(error.reason))
        except urllib.error.URLError as error:
            return Answer(0, None, str(error.reason))
        except (OSError, ValueError) as error:
            return Answer(0, None, str(error))


def login(settings: ElasticsearchSettings) -> str:
    """The header Authorization; empty without credentials. Raises OSError when a secret's file cannot be read."""
    from sinks.secrets import secret

    key = secret(settings.api_key, settings.api_key_file)
    if key:
        return f"ApiKey {key}"
    if not settings.username:
        return ""
    pair = f"{settings.username}:{secret(settings.password, settings.password_file)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _trust(settings: ElasticsearchSettings) -> ssl.SSLContext | None:
    """Raises OSError."""
    if not any(url.startswith("https") for url in settings.urls):
        return None
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if not settings.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if settings.certificate_file:
        context.load_cert_chain(settings.certificate_file, settings.key_file or None)
    return context
