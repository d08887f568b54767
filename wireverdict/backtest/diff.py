"""What two configurations say differently of the same past, and what each difference rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wireverdict.backtest.incidents import Incident, severity_name
from wireverdict.backtest.panel import Look
from wireverdict.verdicts import Opinion, timestamp

SECOND = 1_000_000_000
FAR = 1 << 62
COMPARED = ("start", "fired", "resolved", "severity", "confidence")
"""Fields in which an incident that both have may differ; `fired` and `resolved` are when people are told."""

Looks = Mapping[tuple[str, str], Sequence[Look]]
"""What was thought of a subject, by place and fingerprint."""


class Difference(msgspec.Struct, frozen=True):
    """One thing that configuration `a` says and `b` does not, or says otherwise (`kind`: only_a, only_b, changed).

    `changed`: field to its values in both (times in ns). `evidence`: key to the values in both, of keys that differ; null
    where one side has none. `why`: sentences about what the silent side thought. `fate`: what labels say of both (see
    `wireverdict.backtest.score`). `interest`: larger is more interesting (see `rank`).
    """

    kind: str
    place: str
    rule: str
    who: str
    fingerprint: str
    a: Incident | None
    b: Incident | None
    changed: dict[str, tuple[Any, Any]]
    evidence: dict[str, tuple[Any, Any]]
    why: list[str]
    fate: tuple[str | None, str | None] = (None, None)
    interest: float = 0.0

    @property
    def incident(self) -> Incident:
        """The one that there is; of two that of `a`."""
        found = self.a or self.b
        assert found is not None
        return found


def differences(
    a: Sequence[Incident],
    b: Sequence[Incident],
    looks: tuple[Looks, Looks] | None = None,
    fates: tuple[Sequence[str], Sequence[str]] | None = None,
    off: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> list[Difference]:
    """All differences, by time. `looks`: what `a` and `b` thought, if that is known. `fates`: of each incident, if there are
    labels. `off`: detectors that are not asked."""
    found = []
    for i, j in pairs(a, b):
        left, right = (a[i] if i is not None else None), (b[j] if j is not None else None)
        fate = (
            (fates[0][i] if i is not None else None, fates[1][j] if j is not None else None) if fates else (None, None)
        )
        made = _difference(left, right, looks, fate)
        if made is not None and made.kind != "changed" and made.rule in off[made.kind == "only_a"]:
            made = msgspec.structs.replace(made, why=["the other side does not ask this detector (detectors.off)"])
        if made is not None:
            found.append(made)
    return sorted(found, key=lambda d: (d.incident.fired, d.place, d.rule, d.who, d.kind))


def pairs(a: Sequence[Incident], b: Sequence[Incident]) -> list[tuple[int | None, int | None]]:
    """Places in `a` and `b` of the same trouble: of one subject, and open at the same time; None where one side has none.

    Each incident is in one pair. If one side was told of one long trouble and the other of several short ones, the first of
    these is its partner, and the others are told by one side only.
    """
    by_subject: dict[tuple[str, str], list[int]] = {}
    for j, incident in enumerate(b):
        by_subject.setdefault((incident.place, incident.fingerprint), []).append(j)
    free = set(range(len(b)))
    found: list[tuple[int | None, int | None]] = []
    for i, left in enumerate(a):
        partner = next(
            (j for j in by_subject.get((left.place, left.fingerprint), []) if j in free and _overlap(left, b[j])), None
        )
        if partner is not None:
            free.remove(partner)
        found.append((i, partner))
    return found + [(None, j) for j in sorted(free)]


def rank(found: Sequence[Difference], many: int) -> list[Difference]:
    """The most interesting differences, most interesting first.

    Weight: 4 if labels say that only one side is right; 3 for a trouble that one side is silent about, 2 for another
    severity, 1 for times or confidence (up to 2 by how far they are apart, a minute counting half); one more for critical
    ones. What is like one that was taken already (the same detector and kind; the same subject) counts half: ten times the
    same says no more than once.
    """
    left, taken = list(found), list[Difference]()
    while left and len(taken) < many:
        best = max(range(len(left)), key=lambda n: (_weight(left[n], taken), -n))
        chosen = left.pop(best)
        taken.append(msgspec.structs.replace(chosen, interest=round(_weight(chosen, taken), 3)))
    return taken


def _weight(one: Difference, taken: Sequence[Difference]) -> float:
    weight = float(one.incident.severity >= 3)
    if one.kind != "changed":
        weight += 3
    elif "severity" in one.changed:
        weight += 2
    else:
        apart = max((abs(x - y) / SECOND for x, y in _times(one)), default=0.0)
        weight += 1 + apart / (apart + 60)
    if one.fate[0] != one.fate[1] and {"right", "wrong"} & set(one.fate):
        weight += 4
    for other in taken:
        if (other.rule, other.kind) == (one.rule, one.kind):
            weight /= 2
        if (other.place, other.fingerprint) == (one.place, one.fingerprint):
            weight /= 2
    return weight


def _times(one: Difference) -> list[tuple[int, int]]:
    pairs_of = [one.changed[name] for name in ("start", "fired", "resolved") if name in one.changed]
    return [(x, y) for x, y in pairs_of if x is not None and y is not None]


def _difference(
    a: Incident | None, b: Incident | None, looks: tuple[Looks, Looks] | None, fate: tuple[str | None, str | None]
) -> Difference | None:
    one = a or b
    assert one is not None
    kind, changed, evidence, why = "changed", {}, {}, []
    if a is not None and b is not None:
        for name in COMPARED:
            values = getattr(a, name), getattr(b, name)
            if values[0] != values[1]:
                changed[name] = values
        if not changed:
            return None
        keys = dict.fromkeys([*a.evidence, *b.evidence])
        evidence = {
            key: (a.evidence.get(key), b.evidence.get(key))
            for key in keys
            if a.evidence.get(key) != b.evidence.get(key)
        }
        for name, incident in (("first", a), ("second", b)):
            if "resolved" in changed and incident.resolved is not None:
                why.append(f"over for the {name}: {incident.over}")
        if "fired" in changed:
            why += [f"the first was told because {a.reason}", f"the second because {b.reason}"]
    else:
        kind = "only_a" if b is None else "only_b"
        look = None
        if looks is not None:
            look, why = silence(one, looks[1 if b is None else 0].get((one.place, one.fingerprint), []))
        theirs = look.evidence if look is not None else {}
        for key in dict.fromkeys([*one.evidence, *theirs]):
            values = one.evidence.get(key), theirs.get(key)
            evidence[key] = values if b is None else (values[1], values[0])
    return Difference(kind, one.place, one.rule, one.who, one.fingerprint, a, b, changed, evidence, why, fate)


def silence(incident: Incident, heard: Sequence[Look]) -> tuple[Look | None, list[str]]:
    """What a side that told nothing of an incident thought: its look at the window in which the other side told it (or the
    nearest before its end), and sentences."""
    until = FAR if incident.resolved is None else incident.resolved
    during = [look for look in heard if incident.start <= look.at <= until]
    bad = [look for look in during if look.opinion == Opinion.BAD]
    if not during:
        return None, [
            "the other side never mentions this subject: what it saw was not bad by its thresholds, or too little"
        ]
    at = next((look for look in during if look.at == incident.fired), during[0])
    said = f"in the window that ended {timestamp(at.at)} the other side found it {at.opinion}"
    if at.opinion == Opinion.BAD:
        said += f" ({severity_name(at.severity)}, {100 * at.confidence:.0f} % sure)"
    told = [said]
    if bad:
        told.append(
            f"bad in {len(bad)} of {len(during)} windows in which it mentions it: not enough for it to tell, or told by a group"
        )
    return at, told


def _overlap(a: Incident, b: Incident) -> bool:
    ends = [FAR if one.resolved is None else one.resolved for one in (a, b)]
    return min(a.start, a.fired) <= ends[1] and min(b.start, b.fired) <= ends[0]
