"""The history of a connection: Zeek's letters, five bits each, upper case for the originator.

Written once a side: A, D, I, Q, and the first S or H. F and R come again where their sequence number differs. T, W and G
(content gap) come with the 1st, 10th, 100th … of their kind (Zeek, base/protocols/conn).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel

LETTERS = b"?SHADFRTWIQ^G"
S, H, A, D, F, R, T, W, I, Q, FLIP, G = range(1, 13)  # noqa: E741  the letters are the names
RESPONDER = 16
MAX_LETTERS = 18

ONCE_SYN, ONCE_ACK, ONCE_DATA, ONCE_FIN, ONCE_RST, ONCE_ODD, ONCE_MULTI = (1 << bit for bit in range(7))


@kernel(borrow=True)
def add(c: Any, letter: Any, side: Any) -> None:
    """Append a letter of `side` (0 originator, 1 responder). What goes beyond 18 letters is dropped."""
    n = c.letters
    if n >= MAX_LETTERS:
        return
    code = letter + RESPONDER * side
    if n < 12:
        c.history = np.uint64(c.history | (np.uint64(code) << np.uint64(5 * n)))
    else:
        c.history_more = np.uint32(c.history_more | (np.uint32(code) << np.uint32(5 * (n - 12))))
    c.letters = n + 1


@kernel(inline=True, borrow=True)
def code_at(c: Any, n: Any) -> Any:
    """The code of letter `n` (from 0) of a history: the letter, plus RESPONDER for the responder's."""
    packed = (c.history >> np.uint64(5 * n)) if n < 12 else np.uint64(c.history_more >> np.uint32(5 * (n - 12)))
    return np.int64(packed & np.uint64(31))


@kernel(inline=True, borrow=True)
def at_power_of_ten(count: Any) -> Any:
    """1, 10, 100 …: when a T or a W is written."""
    while count >= 10:
        if count % 10 != 0:
            return False
        count //= 10
    return count == 1


@kernel(borrow=True)
def packet(c: Any, e: Any, side: Any, flags: Any, seq: Any, length: Any) -> None:
    """Letters for one packet of `side`, whose HALF row is `e` (a UDP packet: flags 0)."""
    syn, fin, rst = flags & 2, flags & 1, flags & 4
    letter, bit, mark, again = 0, 0, np.uint16(0), False
    if fin and rst:
        letter, bit = I, ONCE_ODD
    elif (syn and fin) or (syn and rst):
        letter, bit = Q, ONCE_MULTI
    elif syn:
        letter, bit = H if flags & 16 else S, ONCE_SYN
    elif fin:
        letter, bit, mark = F, ONCE_FIN, np.uint16((seq + length) & 0xFFFF)
        again = mark != e.fin16
        e.fin16 = mark
    elif rst:
        letter, bit, mark = R, ONCE_RST, np.uint16(seq & 0xFFFF)
        again = mark != e.rst16
        e.rst16 = mark
    elif length:
        letter, bit = D, ONCE_DATA
    elif flags & 16:
        letter, bit = A, ONCE_ACK
    if letter:
        mask = np.uint16(bit << (8 * side))
        if again or not c.seen & mask:
            add(c, letter, side)
        c.seen = c.seen | mask
