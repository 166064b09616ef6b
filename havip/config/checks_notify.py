"""What must hold between the keys of ``notify``.  Pure."""

from __future__ import annotations

from ipaddress import ip_address

from havip.config.draft import good, group_of, list_of
from havip.config.notify import Tls
from havip.config.problems import Problems, quote
from havip.config.reader import Read, Reading
from havip.config.urls import Url

#: what a request has anyway, or what belongs under a key of its own
RESERVED = {"host", "content-length", "content-type", "connection", "transfer-encoding", "idempotency-key",
            "user-agent"}  # fmt: skip


def check(root: Reading, problems: Problems) -> None:
    """Run every check over the section ``notify``."""
    section = group_of(root, "notify")
    check_fifos(section, problems)
    check_mail(group_of(section, "mail"), problems)
    for hook in list_of(section, "webhooks"):
        check_webhook(hook.value, problems)


def check_fifos(section: Reading, problems: Problems) -> None:
    """Refuse two FIFOs of one path."""
    first: dict[str, Read] = {}
    for fifo in list_of(section, "fifos"):
        path = good(fifo.value, "path")
        if path is not None and first.setdefault(path.value, path) is not path:
            line = problems.line(first[path.value].place)
            problems.add(path.place, f"{quote(path.value)} again", why=f"first given in {line}")


def check_mail(mail: Reading, problems: Problems) -> None:
    """Refuse a password without a name or the other way round, and one that would go in clear."""
    username, password = good(mail, "username"), good(mail, "password")
    if username is not None and "password" not in mail:
        problems.add(username.place, '"username" without "password"')
    if password is not None and "username" not in mail:
        problems.add(password.place, '"password" without "username"')
    tls, server = good(mail, "tls"), good(mail, "server")
    if password is None or tls is None or server is None:
        return
    if tls.value is Tls.NONE and not is_this_host(server.value):
        why = "the password would cross the network in clear"
        problems.add(tls.place, '"none"', "starttls or tls", why=why)


def check_webhook(hook: Reading, problems: Problems) -> None:
    """Refuse a secret in clear, in the wrong place or on its way, and headers that are ours to set."""
    headers, secret, url = good(hook, "headers"), good(hook, "authorization"), good(hook, "url")
    for header in () if headers is None else headers.value:
        name = header.value.partition(":")[0].lower()
        if name == "authorization":
            why = 'the key "authorization" keeps it secret'
            problems.add(header.place, 'the header "Authorization"', why=why)
        elif name in RESERVED:
            problems.add(header.place, f"the header {quote(name)}", why="every request has it already")
    if secret is not None and url is not None:
        parts = Url.of(url.value)
        if not parts.encrypted and not is_this_host(parts.host):
            why = "what authorizes us would cross the network in clear"
            problems.add(url.place, quote(url.value), "a URL of https", why=why)


def is_this_host(name: str) -> bool:
    """Say whether what goes there leaves this machine never."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
