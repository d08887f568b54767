"""Turn a device's segmentation and checksum offloads off: ``python offloads.py DEVICE``, inside its namespace.

By ioctl (SIOCETHTOOL), because ethtool(8) is not everywhere.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
SETTERS = {
    "receive checksum": 0x15,
    "transmit checksum": 0x17,
    "scatter-gather": 0x19,
    "TSO": 0x1F,
    "GSO": 0x24,
    "GRO": 0x2C,
}


def turn_off(device: str) -> list[str]:
    """Names of the offloads that the device let us turn off."""
    done = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for name, command in SETTERS.items():
            value = array.array("B", struct.pack("=II", command, 0))
            request = struct.pack("16sP", device.encode(), value.buffer_info()[0]) + bytes(16)
            try:
                fcntl.ioctl(control, SIOCETHTOOL, request)
            except OSError:
                continue  # a driver need not have every one
            done.append(name)
    return done


if __name__ == "__main__":
    if not turn_off(sys.argv[1]):
        raise SystemExit(f"{sys.argv[1]}: no offload could be turned off")
