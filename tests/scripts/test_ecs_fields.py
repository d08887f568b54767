"""Our names against the Elastic Common Schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.ecs_fields import TARGET, definitions, main, used, wrong

CSV = """\
ECS_Version,Indexed,Field_Set,Field,Type,Level,Normalization,Example,Description
1.2.3,true,base,@timestamp,date,core,,,When
1.2.3,true,source,source.ip,keyword,core,,,Who
"""


def test_all_names_and_types_are_those_of_ecs() -> None:
    assert main(["--check"]) == 0
    known = json.loads(TARGET.read_text(encoding="utf-8"))
    assert set(known["fields"]) == set(used())
    assert {"source.ip", "event.severity", "rule.id", "network.community_id", "labels"} <= set(used())


def test_what_differs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version, known = definitions(CSV.splitlines())
    assert (version, known["@timestamp"]) == ("1.2.3", {"type": "date", "level": "core"})
    told = wrong(known)
    assert "source.ip is ip here and keyword in ECS" in told
    assert "rule.id is not in ECS" in told
    assert not any("@timestamp" in sentence for sentence in told)
    file = tmp_path / "fields.csv"
    file.write_text(CSV)
    assert (main([str(file)]), main([])) == (1, 2)
    assert "rule.id is not in ECS" in capsys.readouterr().out
