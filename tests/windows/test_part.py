"""Parts of windows as bytes, and as one."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.headers import DEMO, SETTINGS, batches, losing
from wireverdict import compose, snapshot
from wireverdict.windows.part import WindowPart, empty, join


@cache
def parts() -> list[WindowPart]:
    made = []
    for path in (DEMO, losing()):
        shard = compose.shard(SETTINGS, 1)
        for batch in batches(path):
            shard.feed(batch)
        shard.finish()
        made += [item for item in shard.take() if isinstance(item, WindowPart)]
    return made


def test_parts_survive_as_bytes() -> None:
    assert any(len(part.answers.latency) for part in parts())
    assert any(part.paths and part.paths.policing for part in parts())
    for part in parts():
        data = part.to_bytes()
        back = WindowPart.from_bytes(data)
        assert back.to_bytes() == data
        assert (back.capture, back.paths) == (part.capture, part.paths)


def test_nothing_added_to_a_part_is_the_part() -> None:
    for part in parts():
        for both in (
            [part, empty(part.number, part.start, part.end)],
            [empty(part.number, part.start, part.end), part],
        ):
            view, alone = join(both).view(compose.merge(SETTINGS, 1).home), part.view(compose.merge(SETTINGS, 1).home)
            assert view.services.keys.tolist() == alone.services.keys.tolist()
            assert view.services.counts.tolist() == alone.services.counts.tolist()
            assert view.dns.counts.tolist() == alone.dns.counts.tolist()
            assert (view.dns.names, view.packets, view.capture) == (alone.dns.names, alone.packets, alone.capture)


@given(st.data())
def test_damage_is_told(data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(parts()))
    tree = snapshot.unpack(part.to_bytes())
    inner = data.draw(st.sampled_from([tree, tree["services"], tree["answers"], tree["answers"]["questions"]]))
    name = data.draw(st.sampled_from(sorted(inner)))
    del inner[name]
    with pytest.raises(ValueError, match=r"window part|snapshot"):
        WindowPart.from_bytes(snapshot.pack(tree))


def test_rows_that_do_not_fit_each_other_are_refused() -> None:
    tree = snapshot.unpack(parts()[0].to_bytes())
    for section, name in (
        ("services", "sent"),
        ("services", "trouble_of"),
        ("answers", "since"),
        ("answers", "counts"),
    ):
        cut = tree | {section: tree[section] | {name: tree[section][name][:-1]}}
        with pytest.raises(ValueError, match=r"window part|snapshot"):
            WindowPart.from_bytes(snapshot.pack(cut))
