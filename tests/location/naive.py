"""What became of copies, the slow way: one piece at a time, in lists."""

from __future__ import annotations

from typing import Any

from wireverdict.location.copies import AFTER, ARRIVED, BETWEEN, BEYOND, MISSED, NEVER, UNCLEAR

Copies = list[tuple[int, int]]
"""Time and TSval of each copy of a piece, in order of time."""


def pairs(near: Copies, far: Copies, slack: int) -> tuple[list[int], list[int]]:
    """Of one piece: for each near copy the far one (-1), for each far copy the near one (-1, or -2 for a repeat)."""
    met, came = [-1] * len(near), []
    for place, (when, stamp) in enumerate(far):
        before = [n for n, (sent, _) in enumerate(near) if sent <= when + slack]
        same = [n for n in before if not near[n][1] or not stamp or near[n][1] == stamp]
        free = [n for n in same if met[n] < 0]
        if free:
            known = [n for n in free if near[n][1] and stamp]
            # by timestamp: the oldest; but what is known only to be possible gives way to what comes after it
            chosen = known[0] if known else free[-1]
            met[chosen] = place
            came.append(chosen)
        else:
            came.append(-2 if same else -1)
    return met, came


def fates(
    piece: dict[str, Any], begin: int, end: int, quick: int, top: list[tuple[int, int]], acks: list[Any]
) -> list[int]:
    """Of one piece: what became of each near copy. `top`: (time, highest number) at the far sensor; `acks`: (time,
    number, blocks)."""
    near, far, met, came, had = (piece[name] for name in ("near", "far", "met", "came", "had"))
    unseen = had != NEVER and all(when > had for when, _ in far)
    suspects = [n for n, (sent, _) in enumerate(near) if met[n] < 0 and sent <= had] if unseen else []
    told = []
    for n, (sent, stamp) in enumerate(near):
        if met[n] < 0:
            if not begin <= sent <= end:
                told.append(BEYOND)
            elif suspects and n == suspects[-1]:
                told.append(MISSED)
            else:
                then = [far[f][0] for f in met[n + 1 :] if f >= 0]
                arrived_before = any(f >= 0 for f in met[:n])
                needless = arrived_before and had != NEVER and (not then or had < then[0] + quick)
                told.append(UNCLEAR if unseen or needless else BETWEEN)
            continue
        later = [far[f][0] for f in range(met[n] + 1, len(far)) if came[f] != -2]
        again = later[0] if later else NEVER
        resent = n + 1 < len(near)
        needless = had != NEVER and (again == NEVER or had < again + quick)
        if not resent or needless or piece["repeated"] > again:
            told.append(ARRIVED)
            continue
        newer = (piece["echo"] - stamp) % 2**32
        if piece["echo"] and stamp and not 0 < newer < 2**31:
            told.append(UNCLEAR)
            continue
        arrived = far[met[n]][0]
        passed = max((number for when, number in top if when <= arrived), default=NEVER)
        asked = False
        for when, number, blocks in acks:
            if when <= arrived:
                continue
            if when > again or number > piece["left"]:
                break
            asked = asked or any(left >= piece["right"] and right > max(passed, left) for left, right in blocks)
        told.append(AFTER if asked else UNCLEAR)
    return told
