"""docker-compose.yml and Dockerfile, as far as they can be checked without an engine; docs/deploy.md says what is not."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from wireverdict.settings import from_environment, settings

ROOT = Path(__file__).resolve().parents[1]
ROLES = {"topics", "stream", "sink", "demo", "capture"}


def composed() -> dict[str, Any]:
    """As docker-compose understands it, with anchors and variables resolved."""
    command = ["docker-compose", "-f", "docker-compose.yml", "--profile", "live", "config"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    parsed: dict[str, Any] = yaml.safe_load(made)
    return parsed


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = composed()["services"]
    return found


def test_the_services(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"kafka", "elasticsearch", "kibana", *ROLES}


def test_what_is_waited_for_can_be_waited_for(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], (name, other)
            else:
                assert how["condition"] == "service_completed_successfully", (name, other)
                assert services[other]["restart"] == "no", (name, other)


def test_what_runs_all_the_time_has_a_health_check_and_starts_again(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if service.get("restart") != "no":
            assert service["restart"] == "unless-stopped", name
            assert {"test", "interval", "timeout", "retries"} <= set(service["healthcheck"]), name


def test_images_have_versions_and_ports_are_open_to_this_machine_only(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"\S+:(\d[\w.]*|local)", service["image"]), name
        for port in service.get("ports", ()):
            assert str(port).startswith("127.0.0.1:"), name


def test_roles_have_no_privileges_but_one(services: dict[str, dict[str, Any]]) -> None:
    for name in ROLES:
        service = services[name]
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_RAW", "SETGID", "SETUID"] if name == "capture" else []), name
        assert service.get("user", "") == ("0" if name == "capture" else ""), name
        assert not service.get("privileged"), name
        assert "no-new-privileges:true" in service.get("security_opt", ()), name


def test_settings_in_the_environment_are_settings(services: dict[str, dict[str, Any]]) -> None:
    for name in ROLES:
        given = {key: value for key, value in services[name]["environment"].items() if key.startswith("WIREVERDICT_")}
        made = settings([from_environment(given)])
        assert made.bus.servers == ("localhost:9094" if name == "capture" else "kafka:9092")


def test_kafka_listens_where_others_look_for_it(services: dict[str, dict[str, Any]]) -> None:
    listeners = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert {listener.partition("://")[2] for listener in listeners} == {"kafka:9092", "localhost:9094"}
    assert "127.0.0.1:9094:9094/tcp" in {
        f"{port}/tcp".replace("/tcp/tcp", "/tcp") for port in services["kafka"]["ports"]
    }


def test_commands_are_those_of_the_program(services: dict[str, dict[str, Any]]) -> None:
    from wireverdict.cli.app import COMMANDS

    used = {services[name]["command"][0] for name in ROLES}
    assert used == {"topics", "stream", "sink", "capture"}
    assert used <= set(COMMANDS)


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def test_the_image_is_made_of_what_is_there_and_does_not_run_as_root() -> None:
    steps = instructions()
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in steps} <= known
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", steps[0][1])
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name, arguments in steps:
        if name == "COPY":
            for source in shlex.split(arguments)[:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignored, source
    users = [number for number, (name, _) in enumerate(steps) if name == "USER"]
    assert steps[users[-1]][1].isdigit()
    assert int(steps[users[-1]][1]) > 0
    assert not [name for name, arguments in steps[users[-1] :] if name == "USER" and arguments in ("0", "root")]
    assert [json.loads(arguments) for name, arguments in steps if name == "ENTRYPOINT"] == [["wireverdict"]]
    assert not any("setcap" in arguments for _, arguments in steps)


def test_the_versions_of_the_lock_are_taken() -> None:
    (step,) = [arguments for name, arguments in instructions() if name == "RUN" and "--constraint" in arguments]
    expression = re.search(r"sed -n '([^']*)'", step)
    assert expression is not None
    made = subprocess.run(
        ["sed", "-n", expression[1], "requirements/dev.txt"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(made) > 50
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[^\s\\;]+", line) for line in made)


def test_an_installation_has_the_templates(tmp_path: Path) -> None:
    command = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), "."]
    copy = tmp_path / "copy"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    wanted = ("wireverdict/", "producers/", "streams/", "sinks/", "config/", "pyproject", "README", "LICENSE")
    for name in listed:
        if name.startswith(wanted) and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    import sys

    subprocess.run([sys.executable, *command], cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for file in (ROOT / "config").rglob("*.json"):
        place = f"data/share/wireverdict/config/{file.relative_to(ROOT / 'config')}"
        assert any(name.endswith(place) for name in names), place


def test_the_unit_of_systemd_is_one_and_exposes_little() -> None:
    unit = ROOT / "config" / "wireverdict-capture.service"
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    complaints = [line for line in verified.stderr.splitlines() if "is not executable" not in line]
    assert complaints == []
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, check=False
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert found is not None, judged.stdout + judged.stderr
    assert float(found[1]) <= 2.5
    text = unit.read_text(encoding="utf-8")
    assert re.findall(r"^(?:Ambient|Bounding)\w*=(.*)$", text, re.M) == ["CAP_NET_RAW"]
    command = re.search(r"^ExecStart=(.*)$", text, re.M)
    assert command is not None
    assert shlex.split(command[1])[:2] == ["/opt/wireverdict/bin/wireverdict", "capture"]
