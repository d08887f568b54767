"""The doctor's checks: pure ones, and all of them on a broker that wants a login over TLS."""

from __future__ import annotations

import importlib.util
import struct
import time
from collections.abc import Iterator

import msgspec
import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from producers.batching import Message
from producers.publisher import Publisher
from tests.services.places import free_port, once
from tests.services.secure import USER, USER_PASSWORD, SecureKafka
from wireverdict import doctor
from wireverdict.bus import BusSettings, Envelope, Kind
from wireverdict.cluster import Cluster
from wireverdict.doctor import Status
from wireverdict.settings import Settings
from wireverdict.sinking import ElasticsearchSettings, SinkSettings

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    server = SecureKafka(tmp_path_factory.mktemp("secure"))
    server.start()
    yield server
    server.stop()


def report(bus: BusSettings, **more: object) -> dict[str, tuple[Status, str]]:
    settings = msgspec.structs.replace(Settings(), bus=bus, **more)
    return {check.name: (check.status, check.text) for check in doctor.checks(settings, 5.0)}


def test_before_and_after_topics_are_made(secure: SecureKafka) -> None:
    bus = secure.settings(prefix="made")
    before = report(bus)
    assert before["codecs"][0] is Status.OK
    assert before["brokers"] == (Status.OK, f"1 answer at {secure.address}, Kafka 4.1")
    assert before["topics"][0] is Status.FAILED
    assert "made.headers" in before["topics"][1]
    cluster = Cluster(bus)
    assert cluster.create(cluster.wrong()[0]) == []
    after = report(bus)
    assert {name: status for name, (status, _) in after.items()} == dict.fromkeys(
        ("codecs", "brokers", "topics", "permissions", "clock"), Status.OK
    )


def test_a_user_needs_permissions_and_headers_go_through_sasl_and_tls(secure: SecureKafka) -> None:
    admin = Cluster(secure.settings(prefix="acl"))
    admin.create(admin.wrong()[0])
    bus = secure.settings(USER, USER_PASSWORD, "SCRAM-SHA-256", prefix="acl")
    assert report(bus)["permissions"][0] is Status.FAILED
    operations = (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    for kind, wanted in ((ResourceType.TOPIC, operations), (ResourceType.GROUP, (AclOperation.READ,))):
        rules = [
            AclBinding(
                kind, "acl", ResourcePatternType.PREFIXED, f"User:{USER}", "*", operation, AclPermissionType.ALLOW
            )
            for operation in wanted
        ]
        for done in admin.admin.create_acls(rules).values():
            done.result()
    reading = report(bus)
    assert reading["topics"][0] is Status.OK
    assert "acl.headers (write)" in reading["permissions"][1]
    assert "was not taken" in reading["clock"][1]
    write = AclBinding(
        ResourceType.TOPIC, "acl", ResourcePatternType.PREFIXED, f"User:{USER}", "*", AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    admin.admin.create_acls([write])[write].result()
    assert {status for status, _ in report(bus).values()} == {Status.OK}
    publisher = Publisher(bus)
    publisher.check()
    publisher.send(Message(0, b"s", b"", Envelope("s", "r", 0, Kind.TICK, 1, 2).to_headers()))
    assert publisher.close(30.0) == 0


def test_a_wrong_password_is_told(secure: SecureKafka) -> None:
    status, text = report(secure.settings(password="wrong"))["brokers"]
    assert status is Status.FAILED
    assert "uthentication" in text


def test_no_broker_and_no_elasticsearch() -> None:
    search = ElasticsearchSettings(urls=(f"http://127.0.0.1:{free_port()}",))
    found = report(BusSettings(f"127.0.0.1:{free_port()}"), sinks=SinkSettings(elasticsearch=search))
    assert found["brokers"][0] is Status.FAILED
    assert "check bus.servers" in found["brokers"][1]
    assert found["elasticsearch"][0] is Status.FAILED
    assert "topics" not in found


def test_elasticsearch_that_answers() -> None:
    search = ElasticsearchSettings(urls=(once("elasticsearch")["url"],))
    check = doctor.search(msgspec.structs.replace(Settings(), sinks=SinkSettings(elasticsearch=search)), 10.0)
    assert check.status is not Status.FAILED, check.text  # templates may be there or not, as other tests have it
    assert " answers anybody, version " in check.text


def test_codecs_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cramjam" else real(name))
    assert doctor.codecs().status is Status.FAILED
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pyarrow and zstandard missing" in doctor.codecs().text


def test_clocks_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = BusSettings(once("kafka")["servers"], "clocks", partitions=1)
    cluster = Cluster(bus)
    cluster.create(cluster.wrong()[0])
    real = time.time
    monkeypatch.setattr("wireverdict.doctor.time.time", lambda: real() + 3600.0)
    check = doctor.clock(cluster)
    assert check.status is Status.WARNING
    assert "differs by 3600" in check.text or "differs by 3599" in check.text


def test_a_version_is_found_among_the_features() -> None:
    feature = bytes([2]) + bytes([1 + 16]) + b"metadata.version" + struct.pack(">hh", 27, 1) + b"\0"
    key = struct.pack(">hhh", 0, 3, 12) + b"\0"
    answer = struct.pack(">ih", 1, 0) + bytes([2]) + key + bytes(4) + bytes([1, 2, len(feature)]) + feature
    assert doctor._finalized(answer) == 27
    assert doctor._finalized(struct.pack(">ih", 1, 0) + bytes([1]) + bytes(4) + b"\0") == 0
    assert doctor.metadata_version(BusSettings(f"127.0.0.1:{free_port()}"), 1.0) == 0
