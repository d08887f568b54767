"""TCP connections in plain Python, from docs/definitions.md, the RFCs and Zeek's endpoint states. Slow and obvious."""

from __future__ import annotations

from tests.connections.reference_model import WRAP, Connection, Fields, Hole, Side, Timed, near, newer, stamp
from wireverdict import headers as h
from wireverdict.connections import notes as n

MOST_HOLES = 12
BELIEVABLE = 1 << 30


def asks_anew(c: Connection, side: int, x: Fields) -> bool:
    """Whether a SYN on known ports begins another connection."""
    me = c.sides[side]
    if not x.tcp_flags & h.SYN:
        return False
    if x.tcp_flags & h.ACK and c.sides[0].state != "inactive":
        return False  # it answers
    if side == 1 and not x.tcp_flags & h.ACK and c.attempt:
        return False  # simultaneous open
    return c.closed or me.start is None or x.seq != me.start % WRAP


def packet(c: Connection, side: int, x: Fields, note: Fields) -> None:
    """Account one packet `x` (fields of HEADER) of `side`; event bits and numbers go to `note`."""
    me, peer = c.sides[side], c.sides[1 - side]
    syn, fin, rst, ack = (bool(x.tcp_flags & bit) for bit in (h.SYN, h.FIN, h.RST, h.ACK))
    carried = 0 if rst else x.payload_length
    was = me.state
    _begin(me, x, syn)
    _letters(c, side, x, syn, fin, rst, ack)
    me.syn |= syn and not fin and not rst

    if syn and not ack and side == 0 and was in ("inactive", "syn sent"):
        note.events |= n.SYN_SENT | (n.SYN_RETRY if was == "syn sent" else 0)
        c.from_syn = True
    if side == 1 and was == "inactive" and c.from_syn and (rst or (syn and ack)):
        note.events |= n.SYN_ANSWERED if syn and ack else n.REFUSED
        note.reply_to = c.first
        c.refused |= not (syn and ack)
    me.sack |= bool(x.present & (h.SACK_PERMITTED | h.SACK1))

    same_window = _window(c, side, x, syn, rst, ack, note)
    if ack:
        if peer.start is None:  # never heard of: where it is can only be told from this
            peer.start, peer.next, peer.acked = x.ack - 1, x.ack, x.ack
        elif not rst:
            _acknowledged(c, side, x, same_window, note)
    _states(me, peer, side, syn, fin, rst, ack, x.payload_length)

    if carried:
        _data(c, side, x, near(x.seq, me.next) + syn, note)
        me.data_times.append(x.ts)
    elif not (syn or fin or rst) and was != "inactive" and near(x.seq, me.next) == me.next - 1:
        me.keep_alives += 1
        note.events |= n.KEEP_ALIVE
    if syn:
        assert me.start is not None
        end = me.start + 1 + carried + fin
        if was == "inactive":
            me.timed = Timed(end, x.ts // 1000, stamp(x), only_syn=carried + fin == 0) if end > me.acked else None
        elif me.timed and not x.present & h.COPY:
            me.timed.sent_again = True
    if fin:
        note.events |= n.FIN_SEEN
        if not rst:
            at = near(x.seq, me.next) + syn + carried
            me.fin |= at > (me.start or 0)
            if at > me.next:
                _hole(me, me.next, at, x)
            me.next = max(me.next, at + 1)
    if rst:
        note.events |= n.RST_SEEN
    if x.present & h.COPY:
        note.events |= n.COPIED
    b = c.sides[1]
    completes = side == 0 and ack and not syn and not rst and c.from_syn and not c.established
    if completes and b.syn and b.start is not None and near(x.ack, b.start) > b.start:
        c.established = True
        took = (x.ts - c.first) // 1000
        c.handshake = took if took >= 0 else None
        note.events |= n.ESTABLISHED


def _begin(me: Side, x: Fields, syn: bool) -> None:
    """Where a side's numbers start: at its SYN, or as though one had come just before its first packet."""
    supposed = x.seq if syn else x.seq - 1
    if me.state == "inactive":
        start = near(supposed, me.acked) if me.start is not None else supposed
        if me.start is None:
            me.acked = start + (0 if syn else 1)
        elif syn and not 0 < me.acked - start <= 1 + x.payload_length:
            me.acked = start
        me.start, me.next = start, start + 1
    elif (
        syn and x.seq != (me.start or 0) % WRAP and (me.before == "inactive" or me.state in ("established", "partial"))
    ):
        me.start = me.acked = near(x.seq, me.next)
        me.next = me.start + 1
        me.holes, me.timed, me.fin = [], None, False


def _letters(c: Connection, side: int, x: Fields, syn: bool, fin: bool, rst: bool, ack: bool) -> None:
    """Zeek's history letters but T, W and G."""
    me = c.sides[side]
    if fin and rst:
        c.letter("I", side, again=False)
    elif syn and (fin or rst):
        c.letter("Q", side, again=False)
    elif syn:
        letter = "H" if ack else "S"
        if not c.history_seen & ({"S", "H"} if side == 0 else {"s", "h"}):
            c.letter(letter, side)
    elif fin or rst:
        letter, mark = ("F", (x.seq + x.payload_length) % WRAP) if fin else ("R", x.seq)
        c.letter(letter, side, again=me.marks.get(letter) != mark)
        me.marks[letter] = mark
    elif x.payload_length:
        c.letter("D", side, again=False)
    elif ack:
        c.letter("A", side, again=False)


def _counted_letter(c: Connection, side: int, letter: str, count: int) -> None:
    """T, W and G come with the 1st, 10th, 100th …"""
    if str(count).rstrip("0") == "1":
        c.letter(letter, side)


def _window(c: Connection, side: int, x: Fields, syn: bool, rst: bool, ack: bool, note: Fields) -> bool:
    """Windows: scaled by what both sides offered in their SYNs (RFC 7323). Returns whether it is the same as before."""
    me, peer = c.sides[side], c.sides[1 - side]
    if syn:
        if x.present & h.MSS:
            me.mss = x.mss
        if x.present & h.WINDOW_SCALE:
            me.scale, me.scale_offered = min(x.wscale, 14), True
        if ack and not (me.scale_offered and peer.scale_offered):
            me.scale = peer.scale = 0
    window = x.window if syn else x.window << me.scale
    same = bool(window == me.window)
    if rst:
        me.window = me.window or 0  # it announces none
        return same
    if window == 0 and not syn and peer.state != "closed" and me.state != "reset":
        if not me.window_closed:
            note.events |= n.ZERO_WINDOW
        me.window_closed = True
        me.zero_windows += 1
        _counted_letter(c, side, "W", me.zero_windows)
    elif window and me.window_closed:
        note.events |= n.WINDOW_OPENED
        me.window_closed = False
    me.window = window
    return same


def _clean(me: Side) -> bool:
    return me.state == "established" or (me.state == "closed" and me.before == "established")


def _acknowledged(c: Connection, side: int, x: Fields, same_window: bool, note: Fields) -> None:
    """What the ACK field says about the peer's data."""
    me, peer = c.sides[side], c.sides[1 - side]
    ack = near(x.ack, peer.next)
    copy = x.present & h.COPY
    beyond = ack - peer.next
    if beyond > BELIEVABLE:
        return
    stamped = bool(x.present & h.TIMESTAMPS)
    bare = x.payload_length == 0 and not x.tcp_flags & (h.SYN | h.FIN)
    moved = ack - peer.acked
    proven = False
    if moved > 0:
        missed = gaps = 0
        if beyond > 0:
            if beyond > 1 and peer.state != "inactive":
                missed += beyond
                gaps += 1
            peer.next = ack
        for hole in list(peer.holes):
            if hole.left < ack:
                missed += min(ack, hole.right) - hole.left
                gaps += 1
                hole.left = ack
                if hole.left >= hole.right:
                    peer.holes.remove(hole)
        if missed:
            peer.missed += missed
            note.missed = missed
            note.events |= n.MISSED
        for _ in range(gaps if _clean(me) and _clean(peer) else 0):
            peer.gaps += 1
            _counted_letter(c, 1 - side, "G", peer.gaps)
        left, tsval = peer.last_copy
        both_sack = me.sack and peer.sack
        if peer.retransmissions - peer.copies > peer.spurious and not both_sack and stamped and tsval is not None:
            proven = ack > left and newer(tsval, x.tsecr)
        peer.acked = ack
        note.acked = moved
        note.events |= n.ACK_ADVANCED
        if peer.timed and ack >= peer.timed.end:
            timed, peer.timed = peer.timed, None
            echoed = stamped and timed.tsval is not None and x.tsecr == timed.tsval
            rtt = x.ts // 1000 - timed.us
            if (not timed.sent_again or echoed) and 0 <= rtt < 1 << 31:
                peer.rtts.append(rtt)
                note.rtt = rtt
                note.events |= n.RTT_SAMPLE
                peer.data_timed |= not timed.only_syn
                peer.by_timestamp |= timed.sent_again
    elif moved == 0 and peer.next > peer.acked and same_window and bare and not copy:
        me.duplicate_acks += 1
        note.events |= n.DUPLICATE_ACK
    if x.present & h.DSACK and not copy and peer.retransmissions - peer.copies > peer.spurious:
        proven = True
    if proven:
        peer.spurious += 1
        note.spurious = 1
        note.events |= n.SPURIOUS


def _states(me: Side, peer: Side, side: int, syn: bool, fin: bool, rst: bool, ack: bool, length: int) -> None:
    """Zeek's endpoint states."""
    if me.state == "inactive":
        if syn and side == 1 and peer.state == "syn sent":
            peer.become("established")
        answers_early = side == 1 and length == 0 and peer.state == "syn sent"
        if rst:
            me.become("reset")
        elif fin:
            me.become("closed")
        elif syn:
            me.become("established" if side == 1 else "syn-ack sent" if ack else "syn sent")
        elif not answers_early:
            me.become("established" if ack and peer.state == "established" else "partial")
    elif me.state in ("syn sent", "syn-ack sent"):
        if rst:
            me.become("reset")
        elif fin:
            me.become("closed")
    elif me.state in ("established", "partial"):
        if syn and not ack and me.state == "partial" and peer.state == "inactive":
            me.become("syn sent")
        if fin and not rst:
            me.become("closed")
            if (peer.before, peer.state) == ("closed", "reset"):
                peer.become("closed")
        if rst:
            me.become("reset")
    elif me.state == "closed" and rst and peer.state != "closed":
        me.become("reset")
    me.finished |= fin or rst


def _hole(me: Side, left: int, right: int, x: Fields) -> None:
    me.holes.append(Hole(left, right, x.ts // 1000, stamp(x)))
    if len(me.holes) > MOST_HOLES:
        del me.holes[0]
        me.forgotten += 1


def _fill(c: Connection, me: Side, left: int, right: int, x: Fields) -> tuple[int, bool]:
    """Take [left, right) out of the holes: how many bytes that were, and whether it came a second time to fill them."""
    filled, second = 0, False
    patience = 3000 if c.handshake is None else c.handshake / 2
    holes = []
    for hole in me.holes:
        low, high = max(left, hole.left), min(right, hole.right)
        if low >= high:
            holes.append(hole)
            continue
        filled += high - low
        if x.present & h.TIMESTAMPS and hole.tsval is not None:
            second |= newer(x.tsval, hole.tsval)
        else:
            second |= not 0 <= x.ts // 1000 - hole.us <= patience
        parts = [Hole(a, b, hole.us, hole.tsval) for a, b in ((hole.left, low), (high, hole.right)) if a < b]
        if len(parts) == 2 and len(me.holes) >= MOST_HOLES:
            del parts[0]
            me.forgotten += 1
        holes += parts
    me.holes = holes
    return filled, second


def _data(c: Connection, side: int, x: Fields, left: int, note: Fields) -> None:
    """Payload that the stream keeps."""
    me, peer = c.sides[side], c.sides[1 - side]
    length = x.payload_length
    right = left + length
    if right + (1 if x.tcp_flags & h.FIN else 0) <= me.next and me.state != "reset":
        me.repeats += 1
        _counted_letter(c, side, "T", me.repeats)
    probe = length == 1 and peer.window_closed
    if right > me.next:
        me.payload += length
        if left > me.next:
            _hole(me, me.next, left, x)
        elif left < me.next:
            me.retransmitted_bytes += me.next - left
            _fill(c, me, left, me.next, x)
        me.next = right
        if probe:
            me.keep_alives += 1
            note.events |= n.KEEP_ALIVE
            return
        note.events |= n.DATA
        if me.timed is None and not me.holes:
            me.timed = Timed(right, x.ts // 1000, stamp(x), only_syn=False)
    elif probe or (length == 1 and left == me.next - 1):
        me.keep_alives += 1
        note.events |= n.KEEP_ALIVE
        return
    else:
        me.payload += length
        note.events |= n.DATA
        filled, second = _fill(c, me, left, right, x)
        if filled and not second:
            me.out_of_order += 1
            me.retransmitted_bytes += length - filled
            note.events |= n.OUT_OF_ORDER
        else:
            me.retransmissions += 1
            if x.present & h.COPY:
                me.copies += 1
                me.copied_bytes += x.payload_length
            else:
                me.last_copy = (left, stamp(x))
            me.retransmitted_bytes += length
            note.events |= n.RETRANSMISSION
        if me.timed and not x.present & h.COPY:
            me.timed.sent_again = True
    flight = me.next - me.acked
    if peer.state != "inactive" and flight > 0:
        note.flight = flight
        me.peak = max(me.peak, flight)
        if peer.window and flight >= peer.window:
            note.events |= n.WINDOW_FULL
