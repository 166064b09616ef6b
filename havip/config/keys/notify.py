"""The keys of ``notify``: of a virtual router or sync group, and of the channels that tell of all.  Pure."""

from __future__ import annotations

from havip.clock import milliseconds, seconds
from havip.config.authentication import SecretSource
from havip.config.commands import ACCOUNT, COMMAND
from havip.config.fields import LONGEST_WAIT, Field, Group, ListOf
from havip.config.files import ANY_FILE, CA_FILE
from havip.config.kinds import Flag, Length, Text, Whole, Word
from havip.config.notify import About, Channels, Fifo, Mail, Notify, Tls, Told, Webhook
from havip.config.secrettext import SecretText, sources
from havip.config.urls import URL

LONGEST_SECRET = 1024  # bytes
LONGEST_TIMEOUT = seconds(3600)
LONGEST_STOP = seconds(60)
LONGEST_TELLING = seconds(86400)

ADDRESS = Text(
    "a mail address", r"^[^\s<>@,;:\"()\[\]]+(@([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]))?$", longest=254
)
SERVER = Text("the name or address of a server", r"^([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+)$", longest=253)
HEADER = Text(
    'a header such as "X-Team: network"', r"^[A-Za-z0-9!#$%&'*+.^_|~-]+: [!-~]([ -~]*[!-~])?$", longest=1024
)
LABEL = Text("a name of 1 to 64 printable ASCII characters without spaces", r"^[!-~]{1,64}$", longest=64)
STATES = ListOf(Word(Told), len(Told))


def program(key: str, doc: str, *elsewhere: str) -> Field:
    """Return the field of a program that is run."""
    return Field(key, COMMAND, doc, f"/etc/havip/{key}.sh", elsewhere=elsewhere)


NOTIFY = Group(
    Notify,
    (
        program("master", "run on becoming MASTER", "notify_master"),
        program("backup", "run on becoming BACKUP", "notify_backup"),
        program("fault", "run on entering FAULT", "notify_fault"),
        program("stop", "run when the daemon ends", "notify_stop"),
        program("deleted", "run when a reload has taken it away; without one, `fault` is", "notify_deleted"),
        program("any", "run at each of these, with INSTANCE or GROUP, name, state, priority added", "notify"),
        program(
            "master_rx_lower_priority",
            "run when a MASTER has heard a weaker one",
            "notify_master_rx_lower_pri",
        ),
        Field("timeout", Length(milliseconds(100), LONGEST_TIMEOUT), "after which a program is ended", "30s"),
        Field(
            "user",
            ACCOUNT,
            "whose rights the programs get; unless given, those of `daemon.script_user`",
            "nobody",
        ),
        Field("group", ACCOUNT, "the group that they get instead of the user's own", "nogroup"),
        Field(
            "priority_changes",
            Flag(),
            "tell FIFOs and webhooks also when the priority in force changes",
            True,
            elsewhere=("notify_priority_changes", "vrrp_notify_priority_changes"),
        ),
        Field("mail", Flag(), "tell by mail, where a server is set", False, elsewhere=("smtp_alert",)),
        Field("webhooks", Flag(), "tell the webhooks, where there are any", False),
    ),
)

FIFO = Group(
    Fifo,
    (
        Field("path", ANY_FILE, "where it is; made if it is not there", "/run/havip/events"),
        Field("script", COMMAND, "the program that reads it, its path added", "/etc/havip/reader.sh"),
        Field(
            "user",
            ACCOUNT,
            "who owns the FIFO and runs the program; unless given, `daemon.script_user`",
            "nobody",
        ),
        Field("group", ACCOUNT, "the group of both", "nogroup"),
        Field(
            "about",
            Word(About),
            "virtual routers and sync groups, virtual services and servers, or all of them",
            "services",
            elsewhere=("lvs_notify_fifo",),
        ),
        Field(
            "on_reload",
            Flag(),
            "write the states of virtual routers and groups again after a reload",
            True,
            elsewhere=("fifo_write_vrrp_states_on_reload",),
        ),
    ),
    expected="a mapping with the path of a FIFO",
    short="path",
)

SECRET = Group(
    SecretSource,
    sources(SecretText(1, LONGEST_SECRET, binary=False), "the secret", "Bearer secret"),
    expected='a secret: its "file", its "credential" or its "value"',
)

MAIL = Group(
    Mail,
    (
        Field(
            "server", SERVER, "the server that takes the mail", "mail.example.net", elsewhere=("smtp_server",)
        ),
        Field(
            "sender",
            ADDRESS,
            "from whom it comes",
            "havip@example.net",
            elsewhere=("from", "notification_email_from"),
        ),
        Field(
            "to", ListOf(ADDRESS, 100), "who gets it", ["ops@example.net"], elsewhere=("notification_email",)
        ),
        Field("tls", Word(Tls), "starttls, tls from the first byte, or none", "starttls"),
        Field("port", Whole(1, 65535), "the server's port; left out: the usual one for tls", 587),
        Field("ca_file", CA_FILE, "certificates to trust instead of the system's", "/etc/havip/ca.pem"),
        Field("username", Text("a name", r"^\S", longest=255), "who we are to the server", "havip"),
        Field("password", SECRET, "the password that goes with it", {"file": "/etc/havip/mail-password"}),
        Field(
            "helo", SERVER, "what we call ourselves in EHLO", "r1.example.net", elsewhere=("smtp_helo_name",)
        ),
        Field(
            "timeout",
            Length(milliseconds(100), LONGEST_TIMEOUT),
            "for one attempt",
            "30s",
            elsewhere=("smtp_connect_timeout",),
        ),
        Field(
            "give_up_after",
            Length(milliseconds(1), LONGEST_TELLING),
            "how old a change may become before it is no longer mailed",
            "1h",
        ),
        Field("states", STATES, "what is mailed", ["MASTER", "FAULT"], elsewhere=("no_email_faults",)),
    ),
    expected="a mapping with a mail server",
)

WEBHOOK = Group(
    Webhook,
    (
        Field("url", URL, "where each change is posted", "https://example.net/hooks/havip"),
        Field("headers", ListOf(HEADER, 32), "headers to send along", ["X-Team: network"], secret=True),
        Field(
            "authorization",
            SECRET,
            "the value of an Authorization header",
            {"file": "/etc/havip/hook-token"},
        ),
        Field("ca_file", CA_FILE, "certificates to trust instead of the system's", "/etc/havip/ca.pem"),
        Field("timeout", Length(milliseconds(100), LONGEST_TIMEOUT), "for one attempt", "10s"),
        Field("attempts", Whole(1, 1000), "how often a change is posted until it is taken", 10),
        Field(
            "give_up_after",
            Length(milliseconds(1), LONGEST_TELLING),
            "how long a change is tried",
            "10min",
        ),
        Field("states", STATES, "what is posted", ["MASTER", "FAULT"]),
    ),
    expected="a mapping with a URL",
    short="url",
)

CHANNELS = Group(
    Channels,
    (
        Field("router_id", LABEL, "what this machine is called in mails and webhooks", "r1"),
        Field(
            "fifos",
            ListOf(FIFO, 16),
            "named pipes that get a line for each change",
            [{"path": "/run/havip/events"}],
            elsewhere=("notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo", "fifo"),
        ),
        Field(
            "mail",
            MAIL,
            "the mail server, and who gets mail",
            {"server": "mail.example.net", "sender": "havip@example.net", "to": ["ops@example.net"]},
            elsewhere=("smtp", "email"),
        ),
        Field(
            "webhooks",
            ListOf(WEBHOOK, 16),
            "URLs to which each change is posted",
            ["https://example.net/hooks/havip"],
            elsewhere=("webhook",),
        ),
        program("startup", "run to its end before the first advert", "startup_script"),
        Field(
            "startup_timeout",
            Length(milliseconds(100), LONGEST_WAIT),
            "after which it is ended",
            "10s",
            elsewhere=("startup_script_timeout",),
        ),
        program("shutdown", "run after the last advert and all that is told of it", "shutdown_script"),
        Field(
            "shutdown_timeout",
            Length(milliseconds(100), LONGEST_WAIT),
            "after which it is ended",
            "10s",
            elsewhere=("shutdown_script_timeout",),
        ),
        Field(
            "stop_timeout",
            Length(milliseconds(100), LONGEST_STOP),
            "for programs, mail and webhooks to tell what is left when the daemon ends",
            "5s",
        ),
    ),
)

SECTIONS = (
    Field(
        "notify",
        CHANNELS,
        "what tells of every virtual router and sync group: FIFOs, mail, webhooks",
        {"fifos": ["/run/havip/events"]},
    ),
)
