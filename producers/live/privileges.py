"""Giving up rights once the sockets are open: what reads packets of strangers must not be able to do anything else."""

from __future__ import annotations

import ctypes
import os
import pwd
import struct

from producers.live.errors import LiveError

_NO_NEW_PRIVS, _AMBIENT, _CLEAR_ALL = 38, 47, 4  # prctl(2)
_VERSION_3 = 0x20080522
_HEADER, _DATA = struct.Struct("=Ii"), struct.Struct("=6I")


def drop(user: str) -> None:
    """Become `user` for good if this is root ("" stays root), and keep no capability. Raises LiveError.

    Memory that was mapped and sockets that are open stay usable; that is all that capturing needs from here on.
    """
    if user and os.geteuid() == 0:
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            raise LiveError(f'there is no user {user!r} to become; set live.user, or to "" to stay root') from None
        try:
            os.setgroups([])
            os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
            os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
        except PermissionError:
            raise LiveError(
                f"this process may not become {user!r} (CAP_SETUID, CAP_SETGID); start it as that user with CAP_NET_RAW"
            ) from None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    if os.geteuid() or user:
        libc.capset(_HEADER.pack(_VERSION_3, 0), _DATA.pack(0, 0, 0, 0, 0, 0))
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def capabilities() -> int:
    """Effective capabilities of this process, a bit each."""
    with open("/proc/self/status", "rb") as lines:
        return int(next(line.split()[1] for line in lines if line.startswith(b"CapEff:")), 16)
