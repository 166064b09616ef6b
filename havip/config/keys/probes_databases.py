"""The keys of probes of databases: Redis, PostgreSQL and MySQL.  Pure."""

from __future__ import annotations

from havip.config.fields import Field, Group
from havip.config.keys.tls import PASSWORD, TLS_FIELD
from havip.config.kinds import Text, Word
from havip.config.probes import Mysql, Postgresql, Redis, RedisRole

LONGEST_ACCOUNT = 63  # bytes: PostgreSQL's identifiers

ACCOUNT = Text("the name of an account", r"^\S+$", longest=LONGEST_ACCOUNT)

REDIS = Group(
    Redis,
    (
        Field(
            "user",
            ACCOUNT,
            "the user who logs in, of Redis 6 and newer; unless given, `default`",
            "monitor",
            elsewhere=("username",),
        ),
        Field(
            "password",
            PASSWORD,
            "the password; without one nobody logs in",
            {"file": "/etc/havip/redis-password"},
            elsewhere=("requirepass", "auth"),
        ),
        Field("role", Word(RedisRole), "what the server must be: `master` or `replica`", "master"),
        TLS_FIELD,
    ),
)

POSTGRESQL = Group(
    Postgresql,
    (
        Field("user", ACCOUNT, "who begins a session; need not exist", "monitor", elsewhere=("username",)),
        Field(
            "database",
            Text("the name of a database", r"^\S(.*\S)?$", longest=LONGEST_ACCOUNT),
            "with which database; unless given, the one that is called as the user; need not exist",
            "postgres",
            elsewhere=("dbname", "db"),
        ),
        TLS_FIELD,
    ),
)

MYSQL = Group(
    Mysql,
    (
        Field(
            "user",
            Text("the name of an account", r"^\S+$", longest=32),
            "who logs in without a password; need not exist",
            "monitor",
            elsewhere=("username",),
        ),
    ),
)

CONVERSATIONS = (
    Field(
        "redis",
        REDIS,
        "a PING to a Redis server",
        {"role": "master"},
        elsewhere=("REDIS_CHECK", "redis-check", "valkey"),
    ),
    Field(
        "postgresql",
        POSTGRESQL,
        "the beginning of a session with a PostgreSQL server",
        {"user": "monitor"},
        elsewhere=("pgsql", "postgres", "pgsql-check"),
    ),
    Field(
        "mysql",
        MYSQL,
        "the beginning of a session with a MySQL or MariaDB server",
        {"user": "monitor"},
        elsewhere=("mysql-check", "mariadb"),
    ),
)
