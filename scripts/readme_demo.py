"""Puts what the demo prints into README.md, between the two marks.

usage: python scripts/readme_demo.py [--check]     (make readme)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DEMO = "demo/dns-outage.pcap.gz"
MARKS = re.compile(r"(<!-- demo -->\n```\n).*?(```\n<!-- /demo -->)", re.S)


def demo() -> str:
    """The demo's page as it is without a terminal, 80 columns wide."""
    command = [sys.executable, "-m", "wireverdict", "analyze", DEMO]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WIREVERDICT_") or "CACHE" in name}
    environment = {**kept, "COLUMNS": "80"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout


def main(arguments: list[str]) -> int:
    """Write the README, or with --check say whether it is as it should be."""
    text = README.read_text(encoding="utf-8")
    shown = f"$ wireverdict analyze {DEMO}\n{demo()}"
    made = MARKS.sub(lambda found: found[1] + shown + found[2], text)
    if arguments == ["--check"]:
        return 0 if made == text and MARKS.search(text) else 1
    README.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
