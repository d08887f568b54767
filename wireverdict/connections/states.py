"""Endpoint states of a TCP connection, as Zeek's analyzer keeps them, because its conn_state is read from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections.layout import (
    CLOSED,
    DID_CLOSE,
    ESTABLISHED,
    INACTIVE,
    PARTIAL,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
)
from wireverdict.kernels import kernel

FIN_FLAG, SYN_FLAG, RST_FLAG, ACK_FLAG = 1, 2, 4, 16


@kernel(borrow=True)
def advance(e: Any, p: Any, originator: Any, flags: Any, length: Any) -> None:
    """One packet sent by endpoint `e` to `p` moves their states."""
    syn, fin, rst, ack = flags & SYN_FLAG, flags & FIN_FLAG, flags & RST_FLAG, flags & ACK_FLAG
    before = e.state
    mine: Any = np.int64(before)
    theirs: Any = np.int64(p.state)
    if before == INACTIVE:
        if syn:
            if originator:
                mine = SYN_ACK_SENT if ack else SYN_SENT
            else:
                if theirs == SYN_SENT:
                    theirs = ESTABLISHED
                mine = ESTABLISHED
        if fin:
            mine = CLOSED
        if rst:
            mine = RESET
        if mine == INACTIVE and (originator or length or theirs != SYN_SENT):
            # else: some hosts acknowledge a SYN before they answer it
            mine = ESTABLISHED if ack and theirs == ESTABLISHED else PARTIAL
    elif before in (SYN_SENT, SYN_ACK_SENT):
        if fin:
            mine = CLOSED
        if rst:
            mine = RESET
    elif before in (ESTABLISHED, PARTIAL):
        if syn and not ack and before == PARTIAL and theirs == INACTIVE:
            mine = SYN_SENT
        if fin and not rst:
            mine = CLOSED
            if theirs == RESET and p.previous == CLOSED:
                theirs = CLOSED  # FIN and then RST from the peer: that was a normal end
        if rst:
            mine = RESET
    elif before == CLOSED and rst and theirs != CLOSED:
        mine = RESET
    if mine != before:
        e.previous = before
        e.state = mine
    if theirs != p.state:
        p.previous = p.state
        p.state = theirs
    if fin or rst:
        e.bits |= DID_CLOSE


@kernel(inline=True, borrow=True)
def is_closed(a: Any, b: Any) -> Any:
    """Both ends have closed, or one has reset, or one has closed and the other was never heard of."""
    if a.state == RESET or b.state == RESET:
        return True
    if a.bits & DID_CLOSE:
        return bool(b.bits & DID_CLOSE) or b.state == INACTIVE
    return bool(b.bits & DID_CLOSE) and a.state == INACTIVE
