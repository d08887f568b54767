"""From windows to what was told in a place."""

from __future__ import annotations

from tests.backtest.test_panel import DEFAULT, OTHERS, told, views
from wireverdict import snapshot
from wireverdict.backtest.incidents import incidents
from wireverdict.backtest.place import Place, Places


def one_after_the_other(sensors: list[str], *, remember: bool = True) -> list[Place]:
    places = Places(OTHERS[:2], remember=remember)
    for sensor in sensors:
        for view in views():
            places.hear(sensor, view)
        places.hear(sensor, None)
    return places.finish({"edge": (5, 25, 7), "silent": (1, 2, 3)})


def test_each_place_has_its_own_incidents_and_looks() -> None:
    edge, far, silent = one_after_the_other(["far", "edge"])
    assert [place.name for place in (edge, far, silent)] == ["edge", "far", "silent"]
    fired = [verdict for verdict in told(DEFAULT) if verdict["wireverdict"]["step"] == "fired"]
    assert len(edge.told[0]) == len(far.told[0]) == len(fired) > len(edge.told[1])
    assert {incident.place for incident in far.told[0]} == {"far"}
    assert edge.looks[0]
    assert (edge.first, edge.last, edge.headers, edge.watched, edge.windows) == (5, 25, 7, 20, len(views()))
    assert silent.told == [[], []]


def test_nothing_is_remembered_unless_asked() -> None:
    edge, _ = one_after_the_other(["edge"], remember=False)
    assert edge.looks == [[], []]


def test_an_input_that_begins_anew_is_judged_anew() -> None:
    twice, _ = one_after_the_other(["edge", "edge"])
    once, _ = one_after_the_other(["edge"])
    assert twice.windows == 2 * once.windows
    assert len(twice.looks[0]) == 2 * len(once.looks[0])
    assert incidents([], "edge") == []


def test_a_sensor_without_an_end_is_over_in_the_end() -> None:
    places = Places([DEFAULT], remember=True)
    for view in views():
        places.hear("edge", view)
    (edge,) = places.finish({})
    (whole, _) = one_after_the_other(["edge"])
    assert edge.told[0] == whole.told[0]
    assert edge.looks[0] == whole.looks[0]


def test_places_that_were_restored_go_on() -> None:
    stream = [("far", view) for view in views()] + [("far", None)] + [("edge", view) for view in views()]
    seen = {"edge": (5, 25, 7)}
    whole = Places(OTHERS[:2], remember=True)
    for item in stream:
        whole.hear(*item)
    expected = whole.finish(seen)
    for cut in (0, 3, len(views()), len(views()) + 1, len(stream) - 1):
        first, second = Places(OTHERS[:2], remember=True), Places(OTHERS[:2], remember=True)
        for item in stream[:cut]:
            first.hear(*item)
        second.load(snapshot.unpack(snapshot.pack(first.dump())))
        for item in stream[cut:]:
            second.hear(*item)
        assert second.finish(seen) == expected
