"""What must hold between the keys of a probe over HTTP, and between those of its encryption.  Pure."""

from __future__ import annotations

import re

from havip.clock import ZERO
from havip.config.draft import good, group_of, list_of
from havip.config.http import Method
from havip.config.keys.probes_http import OF_A_REQUEST
from havip.config.problems import Problems, quote
from havip.config.reader import Read, Reading

#: headers that a request has anyway, or that belong under a key of their own, and that key
RESERVED = {
    "host": "host", "content-length": "body", "transfer-encoding": "", "connection": "",
    "authorization": "authorization", "te": "", "upgrade": "", "trailer": "", "expect": "",
}  # fmt: skip
OF_BODIES = ("contains", "regex", "forbidden", "digest")


def check_http(http: Reading, problems: Problems) -> None:
    """Check one probe over HTTP."""
    if "urls" in http:
        for field in OF_A_REQUEST:
            if field.name in http and field.name != "host":
                place = http[field.name].place
                problems.add(place, f'"{field.name}" beside "urls"', "it with each of the urls")
        for one in list_of(http, "urls"):
            check_request(one.value, problems)
    else:
        check_request(http, problems)
    for name, other in (("username", "password"), ("password", "username")):
        if name in http and other not in http:
            problems.add(http[name].place, f'"{name}" without "{other}"')
    if "authorization" in http and "password" in http:
        problems.add(http["authorization"].place, '"authorization" beside "password"', "one of them")
    for header in list_of(http, "headers"):
        name = header.value.partition(":")[0]
        if name.lower() in RESERVED:
            key = RESERVED[name.lower()]
            why = f'the key "{key}" says it' if key else "it is not for you to say"
            problems.add(header.place, f"the header {quote(name)}", why=why)
            problems.hide(header.value, (header.place.line,))


def check_request(request: Reading, problems: Problems) -> None:
    """Check one request and what is expected of its answer."""
    method = good(request, "method")
    if method is not None and method.value is Method.HEAD:
        for key in OF_BODIES:
            if key in request:
                place = request[key].place
                problems.add(place, f'"{key}" beside "method: HEAD"', why="the answer to HEAD has no body")
    least, most = good(request, "regex_min_offset"), good(request, "regex_max_offset")
    for offset in (least, most):
        if offset is not None and "regex" not in request and "forbidden" not in request:
            problems.add(offset.place, "an offset without a regular expression", '"regex" or "forbidden"')
    if least is not None and most is not None and most.value < least.value:
        problems.add(most.place, str(most.value), f"at least regex_min_offset, {least.value}")
    for key in ("regex", "forbidden"):
        expression = good(request, key)
        if expression is not None and key == "forbidden" and re.compile(expression.value).search(""):
            problems.add(
                expression.place, quote(expression.value), why="it matches every body, also an empty one"
            )


def check_tls(check: Reading, kind: str, problems: Problems) -> None:
    """Check the encryption of a probe of whatever kind."""
    probe = good(check, kind)
    if probe is None or not isinstance(probe.value, dict):
        return
    tls = group_of(probe.value, "tls")
    for key in ("key_file", "key_password"):
        if key in tls and "certificate_file" not in tls:
            problems.add(tls[key].place, f'"{key}" without "certificate_file"')
    verify, warning = good(tls, "verify"), good(tls, "expiry_warning")
    if verify is None or verify.value:
        return
    why = "with verify: false nothing is asked of the server's certificate"
    useless: list[Read | None] = [good(tls, "ca_file")]
    if warning is not None and warning.value != ZERO:
        useless.append(warning)
    for read in useless:
        if read is not None:
            problems.add(
                read.place, f'"{read.place.path.rpartition(".")[2]}" beside "verify: false"', why=why
            )


def check_smtp(smtp: Reading, problems: Problems) -> None:
    """Say where an encryption is meant and not asked for."""
    starttls = good(smtp, "starttls")
    if starttls is not None and not starttls.value and "tls" in smtp:
        why = "tls without starttls: true is encryption from the first byte, as on port 465"
        problems.note(starttls.place, '"starttls: false" beside "tls"', why=why)
