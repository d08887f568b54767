"""Tables as text: what stands in them, in which order, and that nothing overflows."""

from __future__ import annotations

import numpy as np
import pytest

from tests.headers import SETTINGS
from tests.watch.made import OUTAGE, watcher
from wireverdict.compose import pipeline
from wireverdict.records import Flag
from wireverdict.watch.filters import Filter
from wireverdict.watch.listing import Listing
from wireverdict.watch.picture import Picture
from wireverdict.watch.tables import (
    TABLES,
    Sort,
    clock,
    connections,
    flags_of,
    pairs,
    resolvers,
    sortable,
    table,
    troubles,
)
from wireverdict.watch.watcher import Watcher

DURING = watcher(packets=OUTAGE).picture()


def column(listing: Listing, title: str) -> list[str]:
    place = [each.title for each in listing.columns].index(title)
    return [listing.cells(row)[place].text for row in listing.order.tolist()]


def test_pairs_say_how_much_comes_back() -> None:
    listing = pairs(DURING)
    assert listing.title.startswith("busiest pairs, 1")
    peers, ratios = column(listing, "peer"), dict(zip(column(listing, "peer"), column(listing, "in/out"), strict=True))
    assert peers[0] == "192.0.2.80"
    assert 0.8 < float(ratios["192.0.2.80"]) < 1.2
    assert all(float(ratio) < 0.3 for peer, ratio in ratios.items() if peer.startswith("198.19."))
    bad = [row for row in listing.order.tolist() if listing.cells(row)[5].mood == "bad"]
    assert bad
    assert all(DURING.pairs.into[row] * 16 < DURING.pairs.out[row] for row in bad)
    assert set(column(listing, "service")) <= {
        "tcp/80",
        "tcp/80+",
        "udp/53",
        "udp/53+",
        "icmp",
        "ipv6-icmp+",
        "ipv6-icmp",
    }


def test_resolvers_say_what_is_lost() -> None:
    listing = resolvers(DURING, Sort(sortable(resolvers(DURING)).index("unanswered") + 1))
    shares = [float(text.split()[0].removeprefix("under ")) for text in column(listing, "unanswered")]
    assert shares == sorted(shares, reverse=True)
    assert {listing.cells(row)[5].mood for row in listing.order.tolist()} == {"bad"}


def test_troubles_are_told_and_found() -> None:
    assert column(troubles(DURING), "verdict") == ["CRITICAL"] * 4
    assert set(column(troubles(DURING), "since")) == {"07:01:50"}
    assert column(troubles(DURING, chosen=Filter("host 198.18.0.2 and udp")), "what") == ["Answers are being throttled"]
    assert len(troubles(DURING, chosen=Filter("unanswered"))) == 2
    nothing = troubles(DURING, chosen=Filter("tcp"))
    assert (len(nothing), nothing.empty) == (0, "nothing matches")


def test_connections_by_flag() -> None:
    made = watcher()
    made.finish()
    after = made.picture()
    listing = connections(after, chosen=Filter("flag one_sided"))
    assert len(listing) == 500
    assert set(column(listing, "flags")) == {"one sided"}
    assert listing.note == "0 open, 8,266 ended; flags raised: one sided 4,737"
    assert set(column(connections(after, chosen=Filter("state S0")), "state")) == {"S0"}
    during = connections(DURING)
    assert "open" in column(during, "state")
    assert during.note.startswith(f"{DURING.open:,} open")


@pytest.mark.parametrize("name", TABLES)
def test_any_column_sorts_both_ways(name: str) -> None:
    first = table(name, DURING, Sort(), None)
    for place in range(1, len(sortable(first)) + 1):
        down, up = (table(name, DURING, Sort(place, backwards), None) for backwards in (False, True))
        assert sorted(down.order.tolist()) == sorted(up.order.tolist()) == sorted(first.order.tolist())
    assert table(name, DURING, Sort(0, True), None).order.tolist() == first.order.tolist()[::-1]


@pytest.mark.parametrize("name", TABLES)
def test_rows_have_names_of_their_own_and_a_cell_a_column(name: str) -> None:
    listing = table(name, DURING, Sort(), None)
    assert len({listing.name(row) for row in listing.order.tolist()}) == len(listing) > 0
    for row in listing.order[:50].tolist():
        assert len(listing.cells(row)) == len(listing.columns)


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_picture_says_why(name: str) -> None:
    picture: Picture = Watcher(pipeline(SETTINGS)).picture()
    listing = table(name, picture, Sort(2), Filter("tcp"))
    assert (len(listing), listing.empty) == (0, "waiting for packets")
    some = watcher(packets=200, size=100).picture(Filter("host 203.0.113.1"))
    words = table(name, some, Sort(), Filter("host 203.0.113.1")).empty
    assert (
        words in ("no packets", "no DNS queries", "nothing matches", "no connections") or "no window of time" in words
    )


def test_small_things() -> None:
    assert clock(1_700_000_000 * 10**9) == "22:13:20"
    assert flags_of(1 << Flag.RESET | 1 << Flag.POLICED) == ["policed", "reset"]
    assert np.array_equal(table("pairs", DURING, Sort(), None).order, np.arange(len(DURING.pairs.out)))
