"""The keys of ``hmac`` and ``authentication``: how adverts prove where they come from.  Pure."""

from __future__ import annotations

from havip.clock import ZERO
from havip.config.authentication import (
    LEAST_KEY,
    LONGEST_PASSWORD,
    LONGEST_WINDOW,
    MOST_KEY,
    AntiReplay,
    Authentication,
    AuthType,
    Hmac,
    HmacKey,
    Mode,
    SecretSource,
)
from havip.config.fields import Field, Group, Named
from havip.config.kinds import Length, Whole, Word
from havip.config.secrettext import SecretText, sources

KEY = Group(
    HmacKey,
    sources(SecretText(LEAST_KEY, MOST_KEY), "the key", "replace me with a long random secret"),
    expected='a key: its "file", its "credential" or its "value"',
)

HMAC = Group(
    Hmac,
    (
        Field(
            "keys",
            Named(KEY, Whole(1, 255), "key", key="number"),
            "the keys that are good, by the numbers under which adverts name them",
            {"1": {"file": "/etc/havip/key1"}},
        ),
        Field("active_key", Whole(1, 255), "the number of the key that signs our adverts", 1),
        Field(
            "anti_replay",
            Word(AntiReplay),
            "what makes an advert old: its clock, or only a later advert of the same sender",
            "time",
        ),
        Field(
            "time_window",
            Length(ZERO, LONGEST_WINDOW),
            "by how much clocks may differ, in whole seconds; 0s: three intervals, 5s at least",
            "30s",
        ),
        Field(
            "mode",
            Word(Mode),
            "how much is in force: receive-only signs nothing, permissive accepts what is not signed",
            "enforce",
        ),
    ),
)

PASSWORD = Group(
    SecretSource,
    sources(SecretText(1, LONGEST_PASSWORD, binary=False), "the password", "secret"),
    expected='a password, its "file" or its "credential"',
    short="value",
)

AUTHENTICATION = Group(
    Authentication,
    (
        Field("type", Word(AuthType), "pass: a password in cleartext", "pass", elsewhere=("auth_type",)),
        Field(
            "password",
            PASSWORD,
            "the password, equal on all routers",
            {"file": "/etc/havip/password"},
            elsewhere=("auth_pass", "pass"),
        ),
    ),
)
