"""Whose rights an operator's program gets, and what keeps it from running or lets others decide what it does.

Looks at accounts and files and changes nothing.  `havip.programs` runs what may be run.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from havip.config.commands import Program
from havip.errors import HavipError
from havip.paths import way_to


class CannotRun(HavipError):
    """A program cannot be run, or must not be."""

    reason = "cannot-run"


@dataclass(frozen=True, slots=True)
class Identity:
    """The rights that a program runs with."""

    uid: int
    gid: int
    groups: tuple[int, ...]  # supplementary ones


def identify(user: str | None, group: str | None = None) -> Identity | None:
    """Return the rights that the names stand for; None: those that we have.  Raises `CannotRun`."""
    return look_up(user or "", group or "") if user or group else None


@lru_cache(maxsize=256)
def look_up(user: str, group: str) -> Identity:
    """Return the rights of accounts, as they were when the configuration was loaded.

    Where accounts come from a directory service, asking may take its time, which a failover has not.
    """
    try:
        if not user:
            entry = pwd.getpwuid(os.geteuid())
        else:
            entry = pwd.getpwuid(int(user)) if is_number(user) else pwd.getpwnam(user)
    except (KeyError, OverflowError):
        raise CannotRun(f'there is no user "{user}"') from None
    gid = entry.pw_gid
    if group:
        try:
            gid = (grp.getgrgid(int(group)) if is_number(group) else grp.getgrnam(group)).gr_gid
        except (KeyError, OverflowError):
            raise CannotRun(f'there is no group "{group}"') from None
    return Identity(entry.pw_uid, gid, tuple(os.getgrouplist(entry.pw_name, gid)))


def is_number(account: str) -> bool:
    """Say whether an account is given by its number: other digits than ASCII's are part of a name."""
    return account.isascii() and account.isdigit()


def objection(program: Program) -> str | None:
    """Return why a program cannot be run as it is configured, or must not be; None: it can."""
    try:
        who = identify(program.user, program.group) or ourselves()
        if who.uid != os.geteuid() and os.geteuid() != 0:
            raise CannotRun("only root can run a program as another user")
        examine(program.words[0], who)
    except CannotRun as error:
        return str(error)
    return None


def ourselves() -> Identity:
    """Return the rights that we have."""
    return Identity(os.geteuid(), os.getegid(), tuple(os.getgroups()))


def examine(path: str, who: Identity, interprets: str = "") -> None:
    """Check a program, its way in the file system, and its interpreter.  Raises `CannotRun`."""
    last = path
    for step, status in way(path):
        if who.uid == 0:
            must_be_roots_alone(step, status)
        if stat.S_ISDIR(status.st_mode) and not may(who, status, 0o1):
            raise CannotRun(f"{step} may not be searched by user {who.uid}")
        last, final = step, status
    if not stat.S_ISREG(final.st_mode):
        raise CannotRun(f"{path} is not a file")
    if not may(who, final, 0o1):
        raise CannotRun(f"{path} is not executable" + (f" for user {who.uid}" if who.uid else ""))
    if who.uid == os.geteuid() and not os.access(last, os.X_OK):
        raise CannotRun(f"{path} is on a file system that allows no execution")
    interpreter = interpreter_of(last)
    if interpreter:
        if interprets:
            raise CannotRun(f"the interpreter of {interprets}, {path}, is itself a script")
        try:
            examine(interpreter, who, interprets=path)
        except CannotRun as error:
            raise CannotRun(f"its interpreter: {error}") from None


def way(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the root, and each step on the way to ``path``, with what lstat(2) says.  Raises `CannotRun`."""
    yield "/", os.lstat("/")
    for step in way_to(path):
        if isinstance(step.status, OSError):
            if step.status.errno == errno.ELOOP:
                raise CannotRun(f"{path} leads through too many symbolic links")
            raise CannotRun(f"{path}: {(step.status.strerror or str(step.status)).lower()}")
        yield step.path, step.status


def must_be_roots_alone(step: str, status: os.stat_result) -> None:
    """Refuse what others could replace or rewrite, since it is to run as root.  Raises `CannotRun`.

    In a directory with the sticky bit others cannot touch what is root's.
    """
    if status.st_uid != 0:
        raise CannotRun(f"{step} belongs to user {status.st_uid}, and the program is to run as root")
    if stat.S_ISLNK(status.st_mode):
        return  # its mode means nothing: what it points to is on the way as well
    others = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid != 0)
    if others and not (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        raise CannotRun(f"{step} can be written by others than root, and the program is to run as root")


def may(who: Identity, status: os.stat_result, bit: int) -> bool:
    """Say whether the permission bits let ``who`` in; ``bit`` is 1 to execute, 4 to read."""
    if who.uid == 0:
        return stat.S_ISDIR(status.st_mode) or bool(status.st_mode & 0o111) or bit != 0o1
    if who.uid == status.st_uid:
        return bool(status.st_mode & bit << 6)
    if status.st_gid == who.gid or status.st_gid in who.groups:
        return bool(status.st_mode & bit << 3)
    return bool(status.st_mode & bit)


def interpreter_of(path: str) -> str:
    """Return the path behind ``#!``, empty for a compiled program.  Raises `CannotRun` for anything else."""
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError as error:
        raise CannotRun(f"{path} cannot be read: {error.strerror}") from None
    if head.startswith(b"\x7fELF"):
        return ""
    if not head.startswith(b"#!"):
        raise CannotRun(f"{path} is neither a compiled program nor does it begin with #!")
    words = head[2:].split(b"\n", 1)[0].split()
    interpreter = os.fsdecode(words[0]) if words else ""
    if not interpreter.startswith("/"):
        raise CannotRun(f'{path} names its interpreter "{interpreter}" without an absolute path')
    return interpreter
