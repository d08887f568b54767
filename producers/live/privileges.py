"""Giving up rights once the sockets are open: what reads packets of strangers must not be able to do anything else."""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import pwd
import struct

from producers.live.errors import LiveError

LOG = logging.getLogger("wireverdict.capture")

_NO_NEW_PRIVS, _AMBIENT, _CLEAR_ALL = 38, 47, 4  # prctl(2)
_VERSION_3 = 0x20080522
_HEADER, _DATA = struct.Struct("=Ii"), struct.Struct("=6I")


def drop(user: str) -> None:
    """Become `user` for good if this is root ("" stays root), and keep no capability. Raises LiveError.

    Memory that was mapped and sockets that are open stay usable; that is all that capturing needs from here on, beside the
    program's own files, since much of a program is imported when it is first needed. If `user` cannot read these (an
    installation below /root, say) this stays root by name, without any capability, and says so.
    """
    if user and os.geteuid() == 0:
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            raise LiveError(f'there is no user {user!r} to become; set live.user, or to "" to stay root') from None
        try:
            if can_read(entry, ("wireverdict", "producers", "numpy")):
                _become(entry)
            else:
                LOG.warning(
                    "staying root, without capabilities: user %r cannot read this installation; "
                    "install it where that user can, or name another in live.user",
                    user,
                )
        except PermissionError:
            raise LiveError(
                f"this process may not become {user!r} (CAP_SETUID, CAP_SETGID); start it as that user with CAP_NET_RAW"
            ) from None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    if os.geteuid() or user:
        libc.capset(_HEADER.pack(_VERSION_3, 0), _DATA.pack(0, 0, 0, 0, 0, 0))
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)


def can_read(entry: pwd.struct_passwd, packages: tuple[str, ...]) -> bool:
    """Whether a user can read some packages, tried by a process of its own. Raises PermissionError if this process may not
    become that user."""
    places = [place for name in packages for place in _places(name)]
    child = os.fork()
    if not child:
        status = 2
        try:
            _become(entry)
            status = 1
            for place in places:
                os.listdir(place)
                with open(os.path.join(place, "__init__.py"), "rb") as file:
                    file.read(1)
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 2:
        raise PermissionError
    return status == 0


def _places(package: str) -> list[str]:
    found = importlib.util.find_spec(package)
    return list(found.submodule_search_locations or ()) if found else []


def _become(entry: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def capabilities() -> int:
    """Effective capabilities of this process, a bit each."""
    with open("/proc/self/status", "rb") as lines:
        return int(next(line.split()[1] for line in lines if line.startswith(b"CapEff:")), 16)
