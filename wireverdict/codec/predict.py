"""What a TCP packet's numbers are expected to be, from the packets of its flow before it: encoder and decoder share this.

Each direction of a flow has a row of STATE. Sequence numbers go on where the last segment ended. Acknowledgments and echoed
timestamps either follow what the other side sent or stay where they were: whichever was nearer last time is tried next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import ACK, FIN, SYN, TCP_HEADER, TIMESTAMPS
from wireverdict.kernels import kernel

NEXT, LAST_ACK, TSVAL, TSECR, WINDOW, DNS_ID, ACK_FOLLOWS, ECHO_FOLLOWS = range(8)
FIELDS = 8
"""Columns of STATE, uint32, shape (2 * flows, FIELDS): row 2 f is the direction of flow f's first packet."""
FAR = np.int32(-(1 << 24))
"""Bytes behind the highest that cannot be a repeat any more."""


@kernel(inline=True, borrow=True)
def begin(state: Any, flow: Any, first: Any) -> None:
    """Both directions of a flow, from its entry in the table."""
    there, back = 2 * flow, 2 * flow + 1
    state[there, NEXT] = first.seq
    state[there, LAST_ACK] = first.ack
    state[there, TSVAL] = first.tsval
    state[there, TSECR] = first.tsecr
    state[there, WINDOW] = first.window
    state[there, DNS_ID] = first.dns_id
    state[there, ACK_FOLLOWS] = np.uint32(first.ack == 0)  # a SYN: nothing to stay at
    state[there, ECHO_FOLLOWS] = np.uint32(first.tsecr == 0)
    state[back, NEXT] = first.ack
    state[back, LAST_ACK] = first.seq
    state[back, TSVAL] = first.tsecr
    state[back, TSECR] = first.tsval
    state[back, WINDOW] = first.window
    state[back, DNS_ID] = first.dns_id
    state[back, ACK_FOLLOWS] = 1
    state[back, ECHO_FOLLOWS] = 1


@kernel(inline=True, borrow=True)
def expected_ack(state: Any, own: Any, has_ack: Any) -> Any:
    """uint32."""
    if not has_ack:
        return np.uint32(0)
    return state[own ^ 1, NEXT] if state[own, ACK_FOLLOWS] else state[own, LAST_ACK]


@kernel(inline=True, borrow=True)
def expected_echo(state: Any, own: Any, has_times: Any) -> Any:
    """uint32."""
    if not has_times:
        return np.uint32(0)
    return state[own ^ 1, TSVAL] if state[own, ECHO_FOLLOWS] else state[own, TSECR]


@kernel(inline=True, borrow=True)
def apart(one: Any, other: Any) -> Any:
    """How far two numbers modulo 2^32 are apart."""
    difference = np.int64(np.int32(np.uint32(one) - np.uint32(other)))
    return difference if difference >= 0 else -difference


@kernel(inline=True, borrow=True)
def learn(state: Any, own: Any, present: Any, flags: Any, r: Any) -> None:
    """After a packet: `r` is its row (HEADER)."""
    if present & TCP_HEADER:
        end = np.uint32(r.seq + r.payload_length + np.uint32((flags & SYN) != 0) + np.uint32((flags & FIN) != 0))
        ahead = np.int32(end - state[own, NEXT])
        if ahead > 0 or ahead < FAR:
            state[own, NEXT] = end
        if flags & ACK:
            follow, stay = apart(r.ack, state[own ^ 1, NEXT]), apart(r.ack, state[own, LAST_ACK])
            if follow != stay:
                state[own, ACK_FOLLOWS] = np.uint32(follow < stay)
            state[own, LAST_ACK] = r.ack
        state[own, WINDOW] = r.window
    if present & TIMESTAMPS:
        follow, stay = apart(r.tsecr, state[own ^ 1, TSVAL]), apart(r.tsecr, state[own, TSECR])
        if follow != stay:
            state[own, ECHO_FOLLOWS] = np.uint32(follow < stay)
        state[own, TSECR] = r.tsecr
        state[own, TSVAL] = r.tsval
    state[own, DNS_ID] = r.dns_id
    state[own ^ 1, DNS_ID] = r.dns_id
