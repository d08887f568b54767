"""What holds for the project as a whole: its layout, its locks, its documents."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wireverdict

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("wireverdict", "producers", "streams", "sinks")
LONGEST = 400


@cache
def tracked() -> list[str]:
    """Files under version control, and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(name for name in listed if (ROOT / name).is_file())


def sources() -> list[str]:
    return [name for name in tracked() if name.endswith(".py") and name.split("/")[0] in PACKAGES]


def defines_something(name: str) -> bool:
    """Whether a file has code of its own, and is not only names, tables and types."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))


def test_file_of(name: str) -> str:
    path = Path(name)
    folder = path.parent.relative_to("wireverdict") if path.parts[0] == "wireverdict" else path.parent
    stem = path.parent.name if path.stem == "__init__" else path.stem
    return str(Path("tests") / folder / f"test_{stem}.py")


test_file_of.__test__ = False  # type: ignore[attr-defined]


def test_every_source_file_has_its_test_file() -> None:
    there = set(tracked())
    assert [name for name in sources() if defines_something(name) and test_file_of(name) not in there] == []


def test_no_file_is_two_rooms_in_one() -> None:
    lengths = {name: len((ROOT / name).read_bytes().splitlines()) for name in tracked() if name.endswith(".py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name in sources() if not ast.get_docstring(ast.parse((ROOT / name).read_text("utf-8")))] == []


def test_no_test_is_skipped() -> None:
    forbidden = re.compile(r"pytest\.(skip|mark\.(skip|skipif|xfail))\b|importor" + "skip")
    names = [name for name in tracked() if name.startswith("tests/") and name.endswith(".py")]
    assert [name for name in names if forbidden.search((ROOT / name).read_text(encoding="utf-8"))] == []


def project() -> dict[str, object]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def wanted(extra: str = "") -> dict[str, Requirement]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = table["optional-dependencies"][extra] if extra else table["dependencies"]
    return {canonicalize_name((parsed := Requirement(text)).name): parsed for text in listed}


def locked(name: str) -> dict[str, str]:
    """Versions in a lock; every entry must be exact and have hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.M)
    lines = [line for line in text.splitlines() if line and line[0] not in "# "]
    assert len(lines) == len(entries)
    return {canonicalize_name(package): version for package, version, _ in entries}


@pytest.mark.parametrize(("lock", "extra"), [("runtime", ""), ("dev", ""), ("dev", "dev"), ("dev", "all")])
def test_locks_are_in_step_with_the_requirements(lock: str, extra: str) -> None:
    versions = locked(lock)
    for name, requirement in wanted(extra).items():
        assert name in versions, f"{name} is not in requirements/{lock}.txt: run make lock"
        assert requirement.specifier.contains(versions[name]), f"{name} {versions[name]}: run make lock"


def test_what_runs_is_tested_in_the_versions_that_are_installed() -> None:
    runtime, dev = locked("runtime"), locked("dev")
    assert {name: dev.get(name) for name in runtime} == runtime


def test_extras_add_up() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for name in extras:
        if name not in ("all", "dev"):
            assert set(extras[name]) <= set(extras["all"]), name
    assert set(extras["all"]) <= set(extras["dev"])


def test_the_tree_names_no_machine_and_no_registry() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted", "crates" + ".io/api", "repo1." + "maven"]
    places = [f"/{place}/" for place in ("work", "root")]
    found = []
    for name in tracked():
        data = (ROOT / name).read_bytes()
        found += [
            (name, text) for text in (*hosts, *places) if text.encode() in data and name != "tests/test_project.py"
        ]
    assert found == []


def slug(heading: str) -> str:
    """The anchor that a heading gets on common forges."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_in_documents_lead_somewhere() -> None:
    broken = []
    for name in tracked():
        if not name.endswith(".md"):
            continue
        text = re.sub(r"^```.*?^```|`[^`\n]*`", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.M | re.S)
        for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            headings = (
                re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.M)
                if file.suffix == ".md" and file.exists()
                else []
            )
            if not file.exists() or (anchor and anchor not in map(slug, headings)):
                broken.append((name, target))
    assert broken == []


def test_every_document_can_be_found_from_the_readme() -> None:
    reached, queue = set(), ["README.md"]
    while queue:
        name = queue.pop()
        reached.add(name)
        for target in re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text(encoding="utf-8")):
            path = os.path.normpath(os.path.join(os.path.dirname(name), target))
            if path.endswith(".md") and path not in reached and (ROOT / path).exists():
                queue.append(path)
    documents = {name for name in tracked() if name.endswith(".md") and (name.startswith("docs/") or "/" not in name)}
    assert documents - reached == set()


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"demo", "test"} <= named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.M)} == set()


def test_the_readme_shows_what_the_demo_prints() -> None:
    command = [sys.executable, "scripts/readme_demo.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0, "run: make readme"


def test_ci_runs_what_developers_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


def test_licence_and_version() -> None:
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
    assert project()["license"] == "Apache-2.0"
    assert re.fullmatch(r"\d+\.\d+\.\d+", wireverdict.__version__)
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
