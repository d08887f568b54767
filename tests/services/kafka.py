"""Kafka from Maven Central: one node that is broker and controller (KRaft), on 127.0.0.1."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.services.places import alone, cache, end, free_port, maven, wait

VERSION = "4.1.0"
POM = """\
<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
</dependency></dependencies></project>
"""


def jars() -> Path:
    """The directory of Kafka's jars, downloaded if they are not there."""
    target = cache() / f"kafka-{VERSION}-jars"
    with alone(cache() / "kafka.lock"):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=cache()) as directory:
                (Path(directory) / "pom.xml").write_text(POM.format(version=VERSION), encoding="utf-8")
                fresh = Path(directory) / "jars"
                maven("-f", f"{directory}/pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={fresh}")
                fresh.rename(target)
    return target


class KafkaServer:
    """One broker. `settings`: lines of its configuration beyond those that every test needs, or in their place."""

    def __init__(self, directory: Path, settings: dict[str, str] | None = None, port: int = 0) -> None:
        self.directory, self.port = directory, port or free_port()
        self.jars = jars()
        self.process: subprocess.Popen[bytes] | None = None
        controller = free_port()
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(directory / "data"),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "8",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
        }
        lines.update(settings or {})
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        self._file = directory / "server.properties"
        self._file.write_text(text, encoding="utf-8")
        self._java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", str(self._file))

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def told(self) -> dict[str, Any]:
        """See keeper.Server."""
        return {"servers": self.address}

    def start(self) -> None:
        """Returns when it answers. Raises RuntimeError."""
        log = self.directory / "server.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._file)),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = self.process
        wait(self._answers, lambda: process.poll() is not None, log)

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

    def _answers(self) -> bool:
        import socket

        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def _command(self, main: str, *arguments: str) -> list[str]:
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return ["java", *options, "-cp", f"{self.jars}/*", main, *arguments]

    def _java(self, main: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(main, *arguments), capture_output=True, text=True, check=False, env=dict(os.environ)
        )
        if done.returncode:
            raise RuntimeError(f"{main} failed:\n{done.stdout}{done.stderr}")
