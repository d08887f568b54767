"""A connection record in words: what happened on it, one thing after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ICMP, ICMP6, TCP
from wireverdict.output.endpoints import endpoints
from wireverdict.output.fields import FLAGS, REASONS
from wireverdict.output.units import count, duration, moment, scaled, several, size
from wireverdict.records import Reason, State

SECOND = 1_000_000_000
STATES = {
    State.OTH: "seen in the middle only: neither its beginning nor its end is in the capture",
    State.S0: "a request to connect that got no answer",
    State.S1: "established, and not ended so far",
    State.SF: "established and ended in good order",
    State.REJ: "refused: the answer to the request was a reset",
    State.S2: "established; the originator has closed, the responder has not",
    State.S3: "established; the responder has closed, the originator has not",
    State.RSTO: "established and then reset by the originator",
    State.RSTR: "reset by the responder",
    State.RSTOS0: "the originator asked to connect and then reset, without an answer from the other side",
    State.RSTRH: "the responder answered and then reset; the request itself was not captured",
    State.SH: "the originator asked to connect and closed, without an answer from the other side",
    State.SHR: "the responder answered and closed; the request itself was not captured",
}
LETTERS = {
    "s": "SYN",
    "h": "SYN-ACK",
    "a": "pure ACK",
    "d": "data",
    "f": "FIN",
    "r": "RST",
    "c": "bad checksum",
    "g": "gap in what was captured",
    "t": "retransmission",
    "w": "window closed",
    "i": "impossible flags",
    "q": "SYN with FIN or RST",
}
FLAG_WORDS = {
    "bufferbloat": "a queue on the path grew under this connection's load",
    "policed": "a policer dropped what came faster than its rate",
    "throttled": "its rate was held down",
    "retransmission_storm": "an unusual share of its data had to be sent again",
    "zero_window": "a receiver stopped reading and closed its window",
    "handshake_failed": "it was not established",
    "reset": "it was reset",
    "one_sided": "only one direction of it was captured",
    "capture_loss": "the capture misses a part of it",
    "unreachable": "an ICMP error said that the other side cannot be reached",
}
REASON_WORDS = {
    Reason.NONE: "not judged",
    Reason.NOT_TCP: "only TCP tells",
    Reason.ONE_DIRECTION: "only one direction was captured",
    Reason.TOO_FEW_SAMPLES: "too few samples",
    Reason.NO_LOAD: "it was never busy enough to tell",
    Reason.CAPTURE_LOSS: "too much of it is missing from the capture",
    Reason.NOT_SEEN_FROM_START: "its beginning was not captured",
    Reason.NO_TABLE_ROOM: "there was no room to follow it",
    Reason.UNDECIDED: "the evidence fits more than one cause",
}


def story(record: NDArray[np.void] | np.void) -> list[tuple[str, list[str]]]:
    """Headings and sentences about one record (CONNECTION)."""
    row: Any = np.atleast_1d(np.asarray(record))[0]
    told = [("What it is", _identity(row)), ("What was sent", _sent(row))]
    if trouble := _trouble(row):
        told.append(("What went wrong on the way", trouble))
    if times := _times(row):
        told.append(("How long it took", times))
    told.append(("Flags", _flags(row)))
    if history := _history(row):
        told.append(("In order of appearance", history))
    return told


def _identity(row: Any) -> list[str]:
    (ends,) = endpoints(np.atleast_1d(row))
    lasted = duration(int(row["last_ts"] - row["first_ts"]))
    when = f"From {moment(int(row['first_ts']))}, for {lasted}" + ("." if row["final"] else " so far.")
    lines = [ends, when]
    if row["protocol"] == TCP:
        lines.append(f"{State(int(row['state'])).name}: {STATES[State(int(row['state']))]}.")
    elif not row["destination"]["packets"]:
        lines.append("Nothing came back.")
    if row["handshake"] >= 0:
        lines.append(f"The handshake took {duration(int(row['handshake']))}.")
    if row["idle"] > SECOND:
        lines.append(f"The longest silence was {duration(int(row['idle']))}.")
    return lines


def _sent(row: Any) -> list[str]:
    lines = []
    for end, name in (("source", "The originator"), ("destination", "The responder")):
        side = row[end]
        line = f"{name} sent {several(int(side['packets']), 'packet')}, {size(int(side['bytes']))}"
        if side["payload_bytes"]:
            line += f", of which {size(int(side['payload_bytes']))} payload"
        if side["throughput_bps"]:
            line += f", at {scaled(int(side['throughput_bps']), 'bit/s')} between its first and last data"
        if side["peak_in_flight"]:
            line += f"; at most {size(int(side['peak_in_flight']))} were in flight"
        lines.append(line + ".")
    return lines


def _trouble(row: Any) -> list[str]:
    lines = []
    for end, name in (("source", "originator"), ("destination", "responder")):
        side = row[end]
        again, needless = int(side["retransmissions"]), int(side["spurious_retransmissions"])
        if again:
            line = f"The {name} sent {several(again, 'packet')} again ({size(int(side['retransmitted_bytes']))})"
            lines.append(line + (f", {count(needless)} of them needlessly." if needless else "."))
        if side["out_of_order"]:
            lines.append(f"{several(int(side['out_of_order']), 'packet')} of the {name} came out of order.")
        if side["duplicate_acks"]:
            lines.append(
                f"The {name} sent {several(int(side['duplicate_acks']), 'duplicate ACK')}: it missed something."
            )
        if side["zero_windows"]:
            times = several(int(side["zero_windows"]), "time")
            lines.append(f"The {name} closed its receive window {times}: what reads there was too slow.")
        if side["missed_bytes"]:
            lines.append(f"The capture misses {size(int(side['missed_bytes']))} that the {name} sent.")
    return lines


def _times(row: Any) -> list[str]:
    lines = []
    for end, name in (("source", "originator"), ("destination", "responder")):
        side = row[end]
        if not side["rtt_samples"]:
            continue
        low, middle, high, most = (duration(1000 * int(side[f"rtt_{part}"])) for part in ("min", "p50", "p95", "max"))
        samples = several(int(side["rtt_samples"]), "sample")
        what = "Answers to" if row["protocol"] != TCP else "Acknowledgements of"
        if low == most:
            lines.append(f"{what} what the {name} sent took {middle} ({samples}).")
        else:
            spread = f"from {low} to {most}, 95 % within {high}"
            lines.append(f"{what} what the {name} sent took {middle} in the median, {spread} ({samples}).")
    return lines


def _flags(row: Any) -> list[str]:
    lines: list[str] = []
    no: list[str] = []
    unknown: dict[str, list[str]] = {}
    for bit, name in enumerate(FLAGS):
        words = name.replace("_", " ")
        if row["flags_true"] >> bit & 1:
            lines.append(f"{words}: yes, {FLAG_WORDS[name]}.")
        elif row["flags_known"] >> bit & 1:
            no.append(words)
        else:
            code = int(row["reasons"][bit])
            reason = REASON_WORDS[Reason(code)] if code < len(REASONS) else "not judged"
            unknown.setdefault(reason, []).append(words)
    if no:
        lines.append(f"no: {', '.join(no)}.")
    lines += [f"not known, because {reason}: {', '.join(names)}." for reason, names in unknown.items()]
    if not row["final"]:
        lines.append("It is still open: flags that are judged at its end are not known yet.")
    return lines


def _history(row: Any) -> list[str]:
    """Zeek's history letters: capitals are the originator's."""
    letters = bytes(row["history"][: int(row["history_length"])]).decode("ascii", "replace")
    if row["protocol"] in (ICMP, ICMP6) or not letters:
        return []
    parts = []
    for letter in letters:
        if letter == "^":
            parts.append("(turned round by its ports)")
        elif letter.lower() in LETTERS:
            parts.append(f"{'→' if letter.isupper() else '←'} {LETTERS[letter.lower()]}")
    return [f"{letters}: {', '.join(parts)}"] if parts else []
