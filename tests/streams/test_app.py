"""Settings of Faust's application. That it restores before it reads is shown by test_worker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wireverdict.bus import BusSettings, Topic

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import json, sys
import msgspec
from streams.app import credentials, incoming, make_app
from wireverdict.bus import BusSettings
from wireverdict.streaming import StreamSettings

bus = msgspec.json.decode(sys.argv[1], type=BusSettings)
made = make_app(bus, StreamSettings(), "edge-0")
login = credentials(bus)
print(json.dumps({
    "group": made.conf.id,
    "instance": made.conf.consumer_group_instance_id,
    "brokers": [str(url) for url in made.conf.broker],
    "protocol": None if login is None else login.protocol.value,
    "mechanism": getattr(login, "mechanism", None) and login.mechanism.value,
    "username": getattr(login, "username", None),
    "password": getattr(login, "password", None),
}))
"""


def made(bus: BusSettings) -> dict[str, Any]:
    """In a process of its own: Faust's imports warn of what it uses itself."""
    import msgspec

    done = subprocess.run(
        [sys.executable, "-c", CODE, msgspec.json.encode(bus).decode()],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_group_instance_and_brokers_come_from_the_settings() -> None:
    application = made(BusSettings(servers="one:9092, two:9093", prefix="prod"))
    assert application["group"] == "prod-stream"
    assert application["instance"] == "edge-0"
    assert application["brokers"] == ["kafka://one:9092", "kafka://two:9093"]
    assert application["protocol"] is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_login_is_handed_on(tmp_path: Path, mechanism: str) -> None:
    (tmp_path / "password").write_text("secret\n", encoding="utf-8")
    application = made(
        BusSettings(
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism=mechanism,
            sasl_username="worker",
            sasl_password_file=str(tmp_path / "password"),
        )
    )
    assert (application["protocol"], application["mechanism"]) == ("SASL_PLAINTEXT", mechanism)
    assert (application["username"], application["password"]) == ("worker", "secret")


def test_tls_is_handed_on() -> None:
    assert made(BusSettings(security_protocol="SSL"))["protocol"] == "SSL"
    both = made(BusSettings(security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="worker"))
    assert (both["protocol"], both["username"]) == ("SASL_SSL", "worker")


FLOW = """
import asyncio
import faust
from types import SimpleNamespace
from streams.app import make_app
from wireverdict.bus import BusSettings
from wireverdict.streaming import StreamSettings

said = []

async def after(self, *given):
    said.append("faust")

faust.App._on_partitions_assigned = after

async def play():
    app = make_app(BusSettings(), StreamSettings(), "edge-0")
    app._consumer = SimpleNamespace(
        stop_flow=lambda: said.append("stopped"), pause_partitions=lambda which: said.append(f"paused {len(which)}")
    )
    app.flow_control.resume()

    async def take_up(assigned):
        said.append(f"restored, reading {app.flow_control.is_active()}")
        app.flow_control.resume()  # by what the rebalance before has begun

    app.take_up = take_up
    await app._on_partitions_assigned({faust.types.TP("headers", 0), faust.types.TP("headers", 1)}, 7)
    print(said, app.flow_control.is_active())

asyncio.run(play())
"""


def test_nothing_is_read_while_partitions_are_taken_up() -> None:
    """Not in a worker either that had none before, whose reading Faust does not stop."""
    done = subprocess.run([sys.executable, "-c", FLOW], cwd=ROOT, check=True, capture_output=True, text=True)
    held = "'stopped', 'paused 2'"
    assert done.stdout.strip() == f"[{held}, 'restored, reading False', {held}, 'faust'] False"


OWED = """
import asyncio, json
from types import SimpleNamespace
from streams.app import Agents
from wireverdict.bus import BusSettings, Topic

told, saved = [], [{3: 41, 5: 8}, {}, {5: 9}, {}, {3: 50}, {}]
faults = [OSError("away"), OSError("away"), None, OSError("away")]

async def call(commit, offsets):
    told.append({f"{tp.topic}[{tp.partition}]": offset for tp, offset in offsets.items()})
    if fault := faults.pop(0):
        raise fault

underway, revoked = asyncio.Event(), asyncio.Event()

async def checkpoint(everything):
    if not saved:
        underway.set()
        await revoked.wait()
        return {7: 70}
    return saved.pop(0)

async def let_go():
    revoked.set()  # waits for the checkpoint that is under way
    for turn in range(3):
        await asyncio.sleep(0)

thread = SimpleNamespace(_ensure_consumer=lambda: SimpleNamespace(commit=None), call_thread=call)
app = SimpleNamespace(
    consumer=SimpleNamespace(_thread=thread),
    topic=lambda *given, **named: None,
    agent=lambda *given, **named: lambda made: made,
)
keeper = SimpleNamespace(
    topic=Topic.HEADERS, outbox=SimpleNamespace(bus=BusSettings(prefix="p")), checkpoint=checkpoint, let_go=let_go
)
agents = Agents(app, {Topic.HEADERS: keeper}, print)
agents.ready = True

async def play():
    for turn in range(5):
        await agents.checkpoint()
    await agents._let_go()
    agents.ready = True
    await agents.checkpoint()
    revoked.clear()
    late = asyncio.create_task(agents.checkpoint())
    await underway.wait()
    await agents._let_go()
    await late
    agents.ready = True
    saved.append({})
    await agents.checkpoint()

asyncio.run(play())
print(json.dumps(told))
"""


def test_offsets_that_could_not_be_committed_are_told_with_the_next() -> None:
    done = subprocess.run([sys.executable, "-c", OWED], cwd=ROOT, check=True, capture_output=True, text=True)
    name = BusSettings(prefix="p").topic(Topic.HEADERS)
    both = {f"{name}[3]": 42, f"{name}[5]": 9}
    later = {f"{name}[3]": 42, f"{name}[5]": 10}
    # until they are taken; nothing while there is nothing new; never for partitions that were given back
    assert json.loads(done.stdout) == [both, both, later, {f"{name}[3]": 51}]


WAITS = """
import asyncio, json
from types import SimpleNamespace
from faust.types import TP
from streams.app import _Consumer

HEADERS, WINDOWS = TP("headers", 0), TP("windows", 0)
asked = []

async def fetched(active_partitions, timeout):
    asked.append([sorted(tp.topic for tp in active_partitions), timeout])
    return {}

async def look(active, buffered):
    made = object.__new__(_Consumer)
    made.app = SimpleNamespace(client_only=False)
    made.flow_active = True
    made.not_waiting_next_records = asyncio.Event()
    made._active_partitions, made._buffered_partitions = set(active), set(buffered)
    made._getmany = fetched
    records, of = await made._wait_next_records(1.0)
    assert (records, of) == ({}, set(active)), (records, of)

async def main():
    await look([HEADERS, WINDOWS], [])
    await look([WINDOWS], [HEADERS])
    await asyncio.wait_for(look([], [HEADERS, WINDOWS]), 0.9)  # Faust sleeps for 1 s

asyncio.run(main())
print(json.dumps(asked))
"""


def test_quiet_partitions_are_not_waited_for_while_busy_ones_are_held_back() -> None:
    """The names are Faust's: should they change, nobody would wait shorter any more."""
    done = subprocess.run([sys.executable, "-c", WAITS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[["headers", "windows"], 1.0], [["windows"], 0.005]]
