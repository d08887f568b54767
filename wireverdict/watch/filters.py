"""What is to be shown: expressions like tcpdump's over rows of a table, or just a piece of text.

expression: term [and] term, term or term, not term, ( expression )
term:       [src|dst] host ADDRESS   [src|dst] net NETWORK   [src|dst] port NUMBER   tcp udp icmp icmp6 ip ip6
            flag NAME   state NAME   open   ended   ADDRESS   NETWORK   a piece of the line as it is shown
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.output.fields import FLAGS, PROTOCOLS, STATES

Mask = NDArray[np.bool_]
Test = Callable[["Ends"], Mask]
_FULL = (1 << 64) - 1
_NAMES = {"icmp6": 58, "ipv6-icmp": 58, **{name: PROTOCOLS.index(name) for name in ("tcp", "udp", "icmp", "sctp")}}


class FilterRefused(ValueError):
    """The expression cannot be; the message is a sentence."""


class Ends(NamedTuple):
    """Rows to be looked at: both ends (source first), and what else is known of them. Arrays of one length n.

    `flags`: bits by records.Flag. `text`: the lines as they are shown, made only if somebody looks.
    """

    src_hi: NDArray[np.uint64]
    src_lo: NDArray[np.uint64]
    dst_hi: NDArray[np.uint64]
    dst_lo: NDArray[np.uint64]
    sport: NDArray[np.int64]
    dport: NDArray[np.int64]
    protocol: NDArray[np.int64]
    flags: NDArray[np.int64] | None = None
    state: NDArray[np.int64] | None = None
    final: NDArray[np.int64] | None = None
    text: Callable[[], Sequence[str]] | None = None


def ends(
    four: Sequence[NDArray[Any]],
    three: Sequence[NDArray[Any]],
    *,
    flags: NDArray[Any] | None = None,
    state: NDArray[Any] | None = None,
    final: NDArray[Any] | None = None,
    text: Callable[[], Sequence[str]] | None = None,
) -> Ends:
    """Rows of `four` address columns (source, destination; most significant half first) and of ports and protocol."""
    return Ends(four[0], four[1], four[2], four[3], three[0], three[1], three[2], flags, state, final, text)


class Filter:
    """One expression. `plain`: it looks at ends and protocol only, and not at what is known of records or at lines."""

    def __init__(self, expression: str) -> None:
        """Raises FilterRefused."""
        self.expression = expression.strip()
        self.plain = True
        self._words = self.expression.replace("(", " ( ").replace(")", " ) ").split()
        self._at = 0
        self._test = self._either()
        if self._at < len(self._words):
            raise FilterRefused(f"there is a {self._words[self._at]!r} too many")

    def mask(self, rows: Ends) -> Mask:
        """Which rows match. Where lines have no text, pieces of text match everything."""
        return self._test(rows)

    def _next(self, wanted: str) -> str:
        if self._at == len(self._words):
            raise FilterRefused(f"{wanted} is missing at the end")
        self._at += 1
        return self._words[self._at - 1]

    def _is(self, *words: str) -> bool:
        return self._at < len(self._words) and self._words[self._at].lower() in words

    def _either(self) -> Test:
        tests = [self._all()]
        while self._is("or", "||"):
            self._at += 1
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda rows: np.logical_or.reduce([test(rows) for test in tests])

    def _all(self) -> Test:
        tests = [self._term()]
        while self._at < len(self._words) and not self._is("or", "||", ")"):
            if self._is("and", "&&"):
                self._at += 1
            tests.append(self._term())
        return tests[0] if len(tests) == 1 else lambda rows: np.logical_and.reduce([test(rows) for test in tests])

    def _term(self) -> Test:
        word = self._next("something to look for").lower()
        if word in ("not", "!"):
            test = self._term()
            return lambda rows: ~test(rows)
        if word == "(":
            test = self._either()
            if self._next("a )") != ")":
                raise FilterRefused("a ) is missing")
            return test
        if word in (")", "and", "or", "&&", "||"):
            raise FilterRefused(f"something to look for is missing before {word!r}")
        sides: tuple[str, ...] = ("src", "dst")
        if word in sides:
            sides = (word,)
            word = self._next("host, net or port").lower()
            if word not in ("host", "net", "port"):
                return self._network(word, sides)
        if word in ("host", "net"):
            return self._network(self._next("an address"), sides)
        if word == "port":
            return _port(self._next("a number"), sides)
        return self._other(word)

    def _other(self, word: str) -> Test:
        if word in _NAMES:
            number = _NAMES[word]
            return lambda rows: rows.protocol == number
        if word in ("ip", "ip6"):
            return lambda rows: _four(rows.src_hi, rows.src_lo) == (word == "ip")
        if word in ("flag", "state", "open", "ended"):
            self.plain = False
        if word == "flag":
            return _flag(self._next("the name of a flag"))
        if word == "state":
            return _state(self._next("the name of a state"))
        if word in ("open", "ended"):
            return lambda rows: _every(rows) if rows.final is None else (rows.final != 0) == (word == "ended")
        try:
            return self._network(word, ("src", "dst"))
        except FilterRefused:
            self.plain = False
            return lambda rows: (
                _every(rows) if rows.text is None else np.array([word in line.lower() for line in rows.text()], bool)
            )

    def _network(self, text: str, sides: Sequence[str]) -> Test:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise FilterRefused(f"{text!r} is neither an address nor a network") from None
        length = network.prefixlen + (96 if network.version == 4 else 0)
        first = int(network.network_address) | (0xFFFF << 32 if network.version == 4 else 0)
        mask = ((1 << length) - 1) << (128 - length)
        hi, lo, mask_hi, mask_lo = (np.uint64(half) for half in (first >> 64, first & _FULL, mask >> 64, mask & _FULL))

        def test(rows: Ends) -> Mask:
            found = _every(rows) & False
            for side in sides:
                end_hi, end_lo = getattr(rows, f"{side}_hi"), getattr(rows, f"{side}_lo")
                inside = (end_hi & mask_hi == hi) & (end_lo & mask_lo == lo)
                found |= inside if network.version == 4 else inside & ~_four(end_hi, end_lo)
            return found

        return test


def _four(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> Mask:
    """Which addresses are of IPv4."""
    mapped: Mask = (hi == 0) & (lo >> np.uint64(32) == 0xFFFF)
    return mapped


def _every(rows: Ends) -> Mask:
    return np.ones(len(rows.src_hi), bool)


def _port(text: str, sides: Sequence[str]) -> Test:
    if not text.isdecimal() or int(text) > 65_535:
        raise FilterRefused(f"{text!r} is no port")
    number = int(text)
    return lambda rows: np.logical_or.reduce([getattr(rows, f"{end[0]}port") == number for end in sides])


def _flag(text: str) -> Test:
    name = text.lower().replace("-", "_")
    if name not in FLAGS:
        raise FilterRefused(f"there is no flag {text!r}; there are {', '.join(FLAGS)}")
    bit = 1 << FLAGS.index(name)
    return lambda rows: _every(rows) if rows.flags is None else rows.flags & bit != 0


def _state(text: str) -> Test:
    if text.upper() not in STATES:
        raise FilterRefused(f"there is no state {text!r}; there are {', '.join(STATES)}")
    number = STATES.index(text.upper())
    return lambda rows: _every(rows) if rows.state is None else rows.state == number
