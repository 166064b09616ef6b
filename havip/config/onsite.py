"""What is wrong with a configuration on this machine: programs that cannot run, accounts that do not exist.

The one part of the checks that looks at the file system.  It goes by the shapes of the table, so a new
key is looked at without a word here.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from havip import permission
from havip.config.commands import ACCOUNT, COMMAND, Program
from havip.config.draft import Draft, good, group_of, value_of
from havip.config.fields import Group, ListOf, Named, Shape
from havip.config.files import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from havip.config.keyfiles import OTHERS, Unfit, contents
from havip.config.keys import CONFIGURATION, ROUTER
from havip.config.keys.probes_rpc import GRPC
from havip.config.probes import Grpc
from havip.config.problems import Problems, quote
from havip.config.reader import BAD, Read, Reading, whole

LARGEST_KEY: Final = 65536  # bytes
NOBODY: Final[Mapping[str, Read]] = MappingProxyType({})
Look = Callable[[Any, Mapping[str, Read]], str | None]


def look(root: Reading, drafts: Iterable[Draft], problems: Problems) -> None:
    """Report what this machine lacks for a configuration.

    ``defaults`` counts where a virtual router uses it: merged, since user and command may come from two
    places.
    """
    permission.look_up.cache_clear()
    beside = {key: read for key, read in root.items() if key not in ("defaults", "virtual_routers")}
    default = default_account(root)
    for read, objection in offences(beside, CONFIGURATION, default):
        problems.add(read.place, objection)
    for draft in drafts:
        for read, objection in offences(draft.reading, ROUTER, default):
            problems.add(read.place, objection)


def look_around(root: Reading, problems: Problems) -> None:
    """Note what this machine has not, and the one that will run the daemon may have."""
    services = root.get("virtual_services")
    if services is not None and not has_ipvs():
        why = "the kernel has neither IPVS nor its module ip_vs: every virtual service would be in FAULT"
        problems.note(services.place, "this machine cannot balance load", why=why)
    interface = good(group_of(group_of(root, "load_balancer"), "sync_daemon"), "interface")
    if interface is not None and not os.path.exists(f"/sys/class/net/{interface.value}"):
        problems.note(interface.place, f"this machine has no interface {quote(interface.value)}")


def has_ipvs() -> bool:
    """Say whether this kernel has IPVS, or a module that would be loaded when it is asked for."""
    if os.path.exists("/proc/net/ip_vs"):
        return True
    modules = f"/lib/modules/{os.uname().release}"
    for name in ("modules.dep", "modules.builtin"):
        try:
            with open(os.path.join(modules, name), encoding="utf-8", errors="replace") as file:
                if any("/ip_vs.ko" in line for line in file):
                    return True
        except OSError:
            continue
    return False


def default_account(root: Reading) -> dict[str, Read]:
    """Return the user and the group of programs that name no user themselves."""
    daemon = group_of(root, "daemon")
    named = {key: daemon.get(f"script_{key}") for key in ("user", "group")}
    return {key: read for key, read in named.items() if read is not None and read.value is not BAD}


def offences(
    reading: Mapping[str, Read], group: Group, default: Mapping[str, Read] = NOBODY
) -> Iterator[tuple[Read, str]]:
    """Yield what is wrong in a mapping and below it."""
    with_default = reading if "user" in reading else {**default, **reading}
    for key, read in reading.items():
        shape = group.by_name[key].shape
        if read.value is BAD:
            continue
        for kind, judge in LOOKS:
            if (
                shape is kind
                and whole(read, shape)
                and (objection := judge(value_of(read, shape), with_default))
            ):
                yield read, objection
        yield from below(read, shape, default)


def below(read: Read, shape: Shape, default: Mapping[str, Read]) -> Iterator[tuple[Read, str]]:
    """Yield what is wrong inside a value."""
    match shape:
        case Group():
            yield from offences(read.value, shape, default)
        case Named():
            for item in read.value.values():
                if item.value is not BAD:
                    yield from offences(item.value, shape.group, default)
        case ListOf(item=Group() as group):
            for item in read.value:
                if item.value is not BAD:
                    yield from offences(item.value, group, default)
        case _:
            pass


def program(words: tuple[str, ...], beside: Mapping[str, Read]) -> str | None:
    """Say why a program cannot be run by the user and group that stand beside it."""
    user, group = (text_of(beside, key) for key in ("user", "group"))
    if not words or account(user, beside) or account(group, beside):
        return None  # said where that stands
    return permission.objection(Program(words, user, group))


def account(name: str, beside: Mapping[str, Read]) -> str | None:
    """Say that there is no such user or group."""
    for key, ask in (("user", permission.identify), ("group", lambda group: permission.identify("", group))):
        if name and name in (text_of(beside, key), text_of(beside, f"script_{key}")):
            try:
                ask(name)
            except permission.CannotRun:
                return f"there is no {key} {quote(name)}"
    return None


def text_of(reading: Mapping[str, Read], key: str) -> str:
    """Return a text of a mapping, empty where there is none that could be read."""
    read = reading.get(key)
    return "" if read is None or read.value is BAD else str(read.value)


def certificates(path: str, beside: Mapping[str, Read]) -> str | None:
    """Say why a file does not hold certificates to trust."""
    import ssl  # a tenth of the time that `havip check` takes

    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError is one
        return f"{path}: {error.strerror or error}"
    return None


def own_certificate(path: str, beside: Mapping[str, Read]) -> str | None:
    """Say why a file does not hold a certificate that we could show, with its key there or beside it."""
    import ssl

    if "key_password" in beside and not text_of(group_of(beside, "key_password"), "value"):
        return None  # said where that stands, or handed to the daemon alone
    password = group_of(beside, "key_password").get("value")
    secret = b"" if password is None else password.value.value
    key = text_of(beside, "key_file") or None
    if key is not None and private_key(key, beside):
        return None  # said there
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(path, key, lambda: secret)
    except ssl.SSLError as error:
        why = (error.reason or "they cannot be read").replace("_", " ").lower()
        return f"{path}: no certificate in PEM with its key: {why}"
    except (OSError, ValueError) as error:
        return f"{path}: {getattr(error, 'strerror', None) or error}"
    return None


def private_key(path: str, beside: Mapping[str, Read]) -> str | None:
    """Say why a file may not hold a private key."""
    try:
        contents(path, OTHERS, most=LARGEST_KEY)
    except Unfit as error:
        return f"{path}: {error}"
    return None


def reads_headers(_: Grpc, beside: Mapping[str, Read]) -> str | None:
    """Say that what reads the headers of HTTP/2 is not installed."""
    if importlib.util.find_spec("hpack") is None:
        return "checks of gRPC need the Python library hpack, which is not installed"
    return None


#: who judges the values of a shape
LOOKS: Final[tuple[tuple[Shape, Look], ...]] = (
    (COMMAND, program),
    (ACCOUNT, account),
    (CA_FILE, certificates),
    (CERTIFICATE_FILE, own_certificate),
    (KEY_FILE, private_key),
    (GRPC, reads_headers),
)
