"""The flags that a connection's own counts decide. bufferbloat and policed are judged by wireverdict.paths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.connections.layout import GOT_REFUSED, GOT_UNREACHABLE, INACTIVE, RESET, SYN_START
from wireverdict.headers import TCP
from wireverdict.records import Flag, Reason, State

Mask = NDArray[np.bool_]

STORM_PACKETS = 10  # retransmissions, not counting those proven needless
STORM_SHARE = 0.1  # of the payload bytes: far beyond what congestion control lives with


def set_flag(records: NDArray[np.void], flag: Flag, known: Mask, value: Mask, reason: NDArray[np.uint8]) -> None:
    """Write one flag: true or false where `known`, else null for `reason`. All arrays have the records' shape (n,)."""
    bit = np.uint32(1 << flag)
    records["flags_known"] = np.where(known, records["flags_known"] | bit, records["flags_known"] & ~bit)
    records["flags_true"] = np.where(known & value, records["flags_true"] | bit, records["flags_true"] & ~bit)
    records["reasons"][:, flag] = np.where(known, 0, reason)


def storming(side: NDArray[np.void]) -> Mask:
    """Directions (SIDE) in which retransmissions that were needed took over."""
    needless = np.minimum(side["spurious_retransmissions"], side["retransmissions"])
    real = side["retransmissions"] - needless
    return (real >= STORM_PACKETS) & (side["retransmitted_bytes"] >= STORM_SHARE * side["payload_bytes"])


def fill_flags(records: NDArray[np.void], bits: NDArray[np.uint16], answers: NDArray[np.uint8]) -> None:
    """Set the flags of records (CONNECTION, shape (n,)) from the table's bits and the responder's endpoint state."""
    n = len(records)
    source, destination = records["source"], records["destination"]
    tcp = records["protocol"] == TCP
    yes, no = np.ones(n, np.bool_), np.zeros(n, np.bool_)
    one_sided = (source["packets"] == 0) | (destination["packets"] == 0)
    from_start = (bits & SYN_START) != 0
    # an attempt that nobody answered is an observation; any other one-way connection is a matter of the vantage point
    attempt = from_start & (destination["packets"] == 0)
    blind = one_sided & ~attempt

    def reason(*choices: tuple[Mask, Reason], otherwise: Reason = Reason.NONE) -> NDArray[np.uint8]:
        out = np.full(n, int(otherwise), np.uint8)
        for where, why in reversed(choices):
            out[where] = int(why)
        out[~tcp] = int(Reason.NOT_TCP)
        return out

    set_flag(records, Flag.UNREACHABLE, yes, (bits & GOT_UNREACHABLE) != 0, reason())
    set_flag(records, Flag.ONE_SIDED, yes, np.where(tcp, blind, one_sided), reason())
    judged = reason((one_sided, Reason.ONE_DIRECTION), otherwise=Reason.TOO_FEW_SAMPLES)
    for flag in (Flag.BUFFERBLOAT, Flag.POLICED, Flag.THROTTLED):
        set_flag(records, flag, no, no, judged)
    resets = (State.REJ, State.RSTO, State.RSTR, State.RSTOS0, State.RSTRH)
    reset = np.isin(records["state"], resets) | (answers == RESET)
    set_flag(records, Flag.RESET, tcp, reset, reason())
    failed = (answers == INACTIVE) | ((bits & GOT_REFUSED) != 0)
    set_flag(records, Flag.HANDSHAKE_FAILED, tcp & from_start, failed, reason(otherwise=Reason.NOT_SEEN_FROM_START))
    zero = (source["zero_windows"] > 0) | (destination["zero_windows"] > 0)
    set_flag(records, Flag.ZERO_WINDOW, tcp & (zero | ~blind), zero, reason(otherwise=Reason.ONE_DIRECTION))
    missed = (source["missed_bytes"] > 0) | (destination["missed_bytes"] > 0)
    set_flag(records, Flag.CAPTURE_LOSS, tcp & (missed | ~one_sided), missed, reason(otherwise=Reason.ONE_DIRECTION))
    storm = storming(source) | storming(destination)
    payload = (source["payload_bytes"] > 0) | (destination["payload_bytes"] > 0)
    why = reason((blind, Reason.ONE_DIRECTION), otherwise=Reason.TOO_FEW_SAMPLES)
    set_flag(records, Flag.RETRANSMISSION_STORM, tcp & (storm | (payload & ~blind)), storm, why)
