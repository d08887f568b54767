"""What a window says of its DNS: names, times, bounds."""

from __future__ import annotations

from tests.windows.made import Script
from tests.windows.test_dns import counts, play, totals
from wireverdict.windows.fields import NEVER
from wireverdict.windows.settings import WindowSettings


def test_who_goes_unanswered_and_since_when() -> None:
    script = Script()
    for k, name in enumerate(["b", "a", "b", "c", "c", "b", "d", "e", "f"]):
        script.dns(1.0 + k / 100, 1, 53, 4000 + k, 7, name)
    script.dns(0.5, 1, 54, 3999, 7, "x")
    script.dns(0.6, 1, 54, 3999, 7, "x", answer=True)
    _, views = play(script)
    assert views[0].dns.since.tolist() == [1_000_000_000, NEVER]
    assert [(name.name, name.unanswered) for name in views[0].dns.names[0]][:2] == [("b", 3), ("c", 2)]
    assert len(views[0].dns.names[0]) == 5
    assert views[0].dns.names[1] == []


def test_bounds_are_kept_and_told() -> None:
    script = Script()
    for k in range(100):
        script.dns(1.0 + k / 1000, 1 + k % 40, 53, 4000, k, f"name{k}")
    config = WindowSettings(max_services=256, max_dns_pairs=16, max_names=16, max_pending=50)
    windows, views = play(script, config)
    assert totals(windows) == {"attempts": 50, "unanswered": 50, "untracked": 50}
    assert views[0].capture.untracked_dns == 50
    assert len(views[0].dns.keys) == 16  # 15 pairs and the others
    assert counts(views[0])["attempts"] == 50 - 2 * 10 - 5  # row 0: whose client came too late
    assert {name.name for row in views[0].dns.names for name in row} >= {"(not kept)"}
    # what was unanswered is forgotten after half a minute, and there is room again
    again = Script()
    again.dns(200.0, 1, 53, 4000, 1, "later")
    again.dns(200.1, 1, 53, 4000, 1, "later", answer=True)
    rows, names, notes = again.arrays()
    assert windows.observe(rows, names, notes) == 2
    assert windows.dns_totals["answered"] == 1
