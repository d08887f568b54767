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


@kernel(inline=True, borrow=True)
def become(e: Any, state: int) -> None:
    """Change an endpoint's state and remember the one before."""
    if e.state != state:
        e.previous = e.state
        e.state = np.uint8(state)


@kernel(inline=True, borrow=True)
def advance(e: Any, p: Any, originator: bool, flags: int, length: int) -> None:
    """One packet sent by endpoint `e` to `p` moves their states."""
    syn, fin, rst, ack = flags & SYN_FLAG, flags & FIN_FLAG, flags & RST_FLAG, flags & ACK_FLAG
    before = e.state
    if before == INACTIVE:
        if syn:
            if originator:
                become(e, SYN_ACK_SENT if ack else SYN_SENT)
            else:
                if p.state == SYN_SENT:
                    become(p, ESTABLISHED)
                become(e, ESTABLISHED)
        if fin:
            become(e, CLOSED)
        if rst:
            become(e, RESET)
        if e.state == INACTIVE:
            if not originator and length == 0 and p.state == SYN_SENT:
                pass  # some hosts acknowledge a SYN before they answer it
            elif ack and p.state == ESTABLISHED:
                become(e, ESTABLISHED)
            else:
                become(e, PARTIAL)
    elif before in (SYN_SENT, SYN_ACK_SENT):
        if fin:
            become(e, CLOSED)
        if rst:
            become(e, RESET)
    elif before in (ESTABLISHED, PARTIAL):
        if syn and not ack and before == PARTIAL and p.state == INACTIVE:
            become(e, SYN_SENT)
        if fin and not rst:
            become(e, CLOSED)
            if p.state == RESET and p.previous == CLOSED:
                become(p, CLOSED)  # FIN and then RST from the peer: that was a normal end
        if rst:
            become(e, RESET)
    elif before == CLOSED and rst and p.state != CLOSED:
        become(e, RESET)
    if fin or rst:
        e.bits = np.uint8(e.bits | DID_CLOSE)


@kernel(inline=True, borrow=True)
def is_closed(a: Any, b: Any) -> bool:
    """Both ends have closed, or one has reset, or one has closed and the other was never heard of."""
    if a.state == RESET or b.state == RESET:
        return True
    if a.bits & DID_CLOSE:
        return bool(b.bits & DID_CLOSE) or b.state == INACTIVE
    return bool(b.bits & DID_CLOSE) and a.state == INACTIVE
