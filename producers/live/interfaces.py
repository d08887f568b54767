"""Network interfaces: which there are, what their frames look like, and what they count as dropped."""

from __future__ import annotations

import array
import difflib
import fcntl
import re
import socket
import struct
from contextlib import suppress
from pathlib import Path

from producers.live import abi
from producers.live.errors import LiveError

ANY = "any"
_SYS = Path("/sys/class/net")
_SIOCGIFFLAGS, _SIOCGIFHWADDR, _SIOCETHTOOL = 0x8913, 0x8927, 0x8946
_IFF_UP = 1
_GSTRINGS, _GSTATS, _GSSET_INFO, _SS_STATS = 0x1B, 0x1D, 0x37, 1
_NAME = 32  # ETH_GSTRING_LEN
_MOST = 65_536
_LOST = re.compile(r"drop|miss|exceed|no_?buf|fifo|overrun|overflow|discard", re.IGNORECASE)
_KERNEL = ("rx_dropped", "tx_dropped", "rx_missed_errors", "rx_over_errors", "rx_fifo_errors", "tx_fifo_errors")


def index_of(name: str) -> int:
    """Its number; 0 for `any`. Raises LiveError."""
    if name == ANY:
        return 0
    try:
        return socket.if_nametoindex(name)
    except OSError:
        names = sorted(each for _, each in socket.if_nameindex())
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}, and {ANY}"
        raise LiveError(f"there is no network interface {name!r}; {hint}") from None


def present(name: str) -> int:
    """Its number, 0 if it is not there."""
    with suppress(OSError):
        return socket.if_nametoindex(name)
    return 0


def is_up(name: str) -> bool:
    """Whether an interface is there and administratively up."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        told = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16s24x", name.encode()))
        return bool(struct.unpack_from("=H", told, 16)[0] & _IFF_UP)
    return False


def links_of(name: str) -> tuple[int, ...]:
    """Link types (LINKTYPE_*) of the frames that an interface shows. Raises OSError if it is gone."""
    if name == ANY:
        return abi.EN10MB, abi.RAW
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        told = fcntl.ioctl(control, _SIOCGIFHWADDR, struct.pack("16s24x", name.encode()))
    hardware: int = struct.unpack_from("=H", told, 16)[0]
    return (abi.LINKS.get(hardware, abi.RAW),)


def lost(name: str) -> dict[str, int]:
    """What an interface says it has dropped, by its own names; of `any`, nothing. Counters that are 0 are left out.

    The kernel's own counters, and of the driver's (``ethtool -S``) those whose names speak of drops, such as a cloud's
    ``bw_in_allowance_exceeded``. These packets were lost to the host, or never handed over: they are evidence, and are not
    among the capture's own drops.
    """
    found: dict[str, int] = {}
    if name == ANY:
        return found
    for each in _KERNEL:
        with suppress(OSError, ValueError):
            found[each] = int((_SYS / name / "statistics" / each).read_text())
    with suppress(OSError):
        found.update((key, value) for key, value in driver_counters(name).items() if _LOST.search(key))
    return {key: value for key, value in found.items() if value}


def driver_counters(name: str) -> dict[str, int]:
    """What ``ethtool -S`` shows. Raises OSError where the driver has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        asked = bytearray(struct.pack("=IIQI", _GSSET_INFO, 0, 1 << _SS_STATS, 0))
        _ethtool(control, name, asked)
        _, _, which, count = struct.unpack("=IIQI", asked)
        if not which or not 0 < count <= _MOST:
            return {}
        strings = bytearray(struct.pack("=III", _GSTRINGS, _SS_STATS, count) + bytes(_NAME * count))
        _ethtool(control, name, strings)
        values = bytearray(struct.pack("=II", _GSTATS, count) + bytes(8 * count))
        _ethtool(control, name, values)
    names = [bytes(strings[12 + _NAME * i :][:_NAME]).partition(b"\0")[0].decode("latin-1") for i in range(count)]
    return dict(zip(names, struct.unpack_from(f"={count}Q", values, 8), strict=True))


def _ethtool(control: socket.socket, name: str, data: bytearray) -> None:
    """SIOCETHTOOL with `data`, which is changed."""
    held = array.array("B", data)
    fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP16x", name.encode(), held.buffer_info()[0]))
    data[:] = held.tobytes()
