"""The keys of checks of mail servers and of gRPC.  Pure."""

from __future__ import annotations

from havip.config.fields import Field, Group
from havip.config.keys.probes_http import AUTHORITY
from havip.config.keys.tls import TLS_FIELD
from havip.config.kinds import Flag, Text
from havip.config.probes import Grpc, Smtp

HELO = Text(
    "a name of letters, digits, hyphens and dots, or an address in brackets",
    r"^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z:.]+\])$",
    longest=255,
)

GRPC = Group(
    Grpc,
    (
        Field(
            "service",
            Text("the name of a service", r"^[!-~]+$", longest=255),
            "whose health is asked for; unless given, that of the server as a whole",
            "shop.Cart",
        ),
        Field(
            "host",
            AUTHORITY,
            "the authority of the call; unless given, the host of the check",
            "shop.example.com",
            elsewhere=("authority",),
        ),
        TLS_FIELD,
    ),
)

FIELDS = (
    Field(
        "smtp",
        Group(
            Smtp,
            (
                Field(
                    "helo",
                    HELO,
                    "what we call ourselves in EHLO; unless given, the name of this host",
                    "lb1.example.com",
                    elsewhere=("helo_name", "ehlo"),
                ),
                Field("starttls", Flag(), "the connection is encrypted after the first EHLO", True),
                TLS_FIELD,
            ),
        ),
        "a mail server: greeting, EHLO or HELO, QUIT",
        {"helo": "lb1.example.com"},
        elsewhere=("SMTP_CHECK", "smtp_check"),
    ),
    Field(
        "grpc",
        GRPC,
        "the health protocol of gRPC: good if the service is SERVING",
        {"service": "shop.Cart"},
    ),
)
