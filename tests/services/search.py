"""Elasticsearch and OpenSearch from Maven Central (their integ-test-zip), on 127.0.0.1, one node each.

The archive lacks most modules: no lifecycle policies (ILM), no `_data_stream` API, no Painless. Bulk, index
templates, data streams, search and aggregations, security and TLS are there; API keys with a small module of our own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from tests.services.places import USER, alone, end, free_port, java_version, maven_copy, wait, workshop

PRODUCTS = {
    "elasticsearch": ("org.elasticsearch.distribution.integ-test-zip:elasticsearch", ("8.19.0", "9.2.0")),
    "opensearch": ("org.opensearch.distribution.integ-test-zip:opensearch", ("2.19.4", "3.4.0")),
}
"""Coordinates, and the versions for Java 17 and for Java 21 or newer."""


def unpacked(product: str) -> Path:
    """The product's directory, downloaded and unpacked if it is not there."""
    coordinates, (older, newer) = PRODUCTS[product]
    version = newer if java_version() >= 21 else older
    home = workshop() / f"{product}-{version}"
    archive = maven_copy(f"{coordinates}:{version}:zip", f"{product}-{version}.zip")
    with alone(workshop() / f"{product}-unpack.lock"):
        if not home.exists():
            fresh = workshop() / f"{product}-fresh"
            shutil.rmtree(fresh, ignore_errors=True)
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(fresh)
            (inner,) = fresh.iterdir()
            for script in (inner / "bin").iterdir():
                script.chmod(0o755)
            inner.rename(home)
            fresh.rmdir()
    return home


def with_api_keys() -> Path:
    """A second Elasticsearch directory, with the module that makes it able to keep API keys (MailAnalysis.java)."""
    home = unpacked("elasticsearch")
    made = home.with_name(f"{home.name}-keys")
    compiler = maven_copy("org.eclipse.jdt:ecj:3.33.0:jar", "ecj-3.33.0.jar")  # a JRE has none
    with alone(workshop() / "elasticsearch-keys.lock"):
        if not made.exists():
            fresh = workshop() / "elasticsearch-keys-fresh"
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(home, fresh, copy_function=os.link)
            module = fresh / "modules" / "mail-analysis"
            module.mkdir()
            source, classes = Path(__file__).with_name("MailAnalysis.java"), workshop() / "mail-analysis"
            jars = os.pathsep.join(map(str, (home / "lib").glob("*.jar")))
            command: list[str | Path] = [
                "java",
                "-jar",
                compiler,
                "-17",
                "-proc:none",
                "-cp",
                jars,
                "-d",
                classes,
                source,
            ]
            subprocess.run(command, check=True, capture_output=True)
            with zipfile.ZipFile(module / "mail-analysis.jar", "w") as packed:
                for file in classes.iterdir():
                    packed.write(file, file.name)
            version = home.name.rpartition("-")[2]
            lines = ("description=mail", "version=1", "name=mail-analysis", "classname=MailAnalysis", "java.version=17")
            text = "\n".join((*lines, f"elasticsearch.version={version}", ""))
            (module / "plugin-descriptor.properties").write_text(text, encoding="utf-8")
            fresh.rename(made)
    return made


class SearchServer:
    """One node. `settings`: lines of its configuration beyond those that every test needs. `home`: another directory than
    that of the product as it was unpacked."""

    def __init__(
        self,
        product: str,
        directory: Path,
        settings: dict[str, str] | None = None,
        heap: str = "512m",
        port: int = 0,
        home: Path | None = None,
    ) -> None:
        self.product = product
        self.directory = directory
        self.port = port or free_port()
        self.heap = heap
        self.scheme = "https" if "xpack.security.http.ssl.enabled" in (settings or {}) else "http"
        self.home = home or unpacked(product)
        self.process: subprocess.Popen[bytes] | None = None
        self._configure(settings or {})

    def _configure(self, settings: dict[str, str]) -> None:
        config = self.directory / "config"
        shutil.copytree(self.home / "config", config, dirs_exist_ok=True)
        lines = {
            "cluster.name": "wireverdict-tests",
            "node.name": "one",
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": str(self.port),
            "transport.port": str(free_port()),
            "path.data": str(self.directory / "data"),
            "path.logs": str(self.directory / "logs"),
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "node.store.allow_mmap": "false",
        }
        if self.product == "elasticsearch":
            lines["xpack.security.enabled"] = "false"
        lines.update(settings)
        text = "".join(f"{key}: {value}\n" for key, value in lines.items())
        (config / f"{self.product}.yml").write_text(text, encoding="utf-8")
        options = config / "jvm.options"  # without what would write beside the archive: the log of the collector
        kept = [line for line in options.read_text(encoding="utf-8").splitlines() if "gc" not in line.lower()]
        options.write_text("\n".join(kept), encoding="utf-8")
        for name in ("data", "logs", "tmp"):
            (self.directory / name).mkdir(exist_ok=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def told(self) -> dict[str, Any]:
        """See keeper.Server."""
        return {"url": self.url, "directory": str(self.directory)}

    def start(self) -> None:
        """Returns when it answers. Raises RuntimeError."""
        prefix: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, USER, USER)
            prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        short = {"elasticsearch": "ES", "opensearch": "OPENSEARCH"}[self.product]
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "JAVA_HOME", "LANG")},
            "HOME": str(self.directory / "tmp"),
            f"{short}_TMPDIR": str(self.directory / "tmp"),
            f"{short}_PATH_CONF": str(self.directory / "config"),
            f"{short}_JAVA_OPTS": f"-Xms{self.heap} -Xmx{self.heap}",
            f"{short}_JAVA_HOME": os.environ.get("JAVA_HOME") or str(_java_home()),
        }
        log = self.directory / "server.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*prefix, str(self.home / "bin" / self.product)],
                env=environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = self.process
        wait(self.answers, lambda: process.poll() is not None, log)

    def answers(self) -> bool:
        """Whether the node has joined its cluster and serves requests (or asks who we are)."""
        import ssl

        context = ssl._create_unverified_context() if self.scheme == "https" else None
        try:
            with urllib.request.urlopen(
                f"{self.url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5, context=context
            ):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 401
        except OSError:
            return False

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is not None:
            end(self.process)
            self.process = None

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            end(self.process, signal.SIGKILL)
            self.process = None


def _java_home() -> Path:
    java = shutil.which("java")
    assert java is not None, "no Java on the path"
    return Path(java).resolve().parents[1]
