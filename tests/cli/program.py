"""Running the program as people do: another process, its output, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "dns-outage.pcap.gz"


class Ended(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [document for document in self.documents if document["event"]["dataset"] == f"wireverdict.{kind}"]


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WIREVERDICT_") or "CACHE" in name}
    return {**kept, "COLUMNS": "80", "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", **variables}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "wireverdict", *map(str, arguments)]


def run(*arguments: str | Path, stdin: Any = subprocess.DEVNULL, data: bytes | None = None, **variables: str) -> Ended:
    ended = subprocess.run(
        command(*arguments),
        stdin=None if data is not None else stdin,
        input=data,
        capture_output=True,
        env=environment(**variables),
        check=False,
        timeout=120,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
