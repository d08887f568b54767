"""Windows to verdicts, and the judge's memory."""

from __future__ import annotations

from pathlib import Path

import orjson

from producers.timeline import open_timeline
from wireverdict import compose
from wireverdict.settings import Settings
from wireverdict.verdicts import Verdict
from wireverdict.windows.part import WindowPart

DEMO = Path(__file__).resolve().parents[1] / "demo" / "dns-outage.pcap.gz"


def parts() -> list[WindowPart]:
    made = compose.pipeline(Settings())
    shard = compose.shard(Settings(), 1)
    for frames in open_timeline([str(DEMO)], batch=4096):
        shard.feed(made.decoder.decode(frames))
    shard.finish()
    return [item for item in shard.take() if isinstance(item, WindowPart)]


def test_a_judge_restored_after_any_window_says_the_same() -> None:
    settings = Settings()
    home = compose.merge(settings, 1).home
    judge, whole = compose.judge(settings), list[Verdict]()
    for part in parts():
        whole += judge.step(part.view(home))
    whole += judge.finish()
    assert {verdict.rule for verdict in whole} >= {"dns-loss"}
    judge, said = compose.judge(settings), list[Verdict]()
    for part in parts():
        said += judge.step(part.view(home))
        state = orjson.loads(orjson.dumps(judge.dump()))
        judge = compose.judge(settings)
        judge.load(state)
    said += judge.finish()
    assert [verdict.to_json() for verdict in said] == [verdict.to_json() for verdict in whole]


def test_a_detector_that_is_new_starts_afresh_and_one_that_is_gone_is_forgotten() -> None:
    judge = compose.judge(Settings())
    state = judge.dump()
    state["detectors"]["gone"] = {}
    del state["detectors"]["dns-loss"]
    fresh = compose.judge(Settings())
    fresh.load(state)
    assert fresh.dump() == judge.dump()
