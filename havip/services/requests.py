"""What a request over the control socket may say, read with care, and a refusal where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from havip.control.server import refusal
from havip.services.orders import Declined
from havip.statefile import Unwritable

if TYPE_CHECKING:
    from havip.services import Handler, Json

LONGEST_NAME = 256  # bytes


def answering(handler: Handler) -> Handler:
    """Return the handler with its `Declined` and `Unwritable` told as refusals."""

    async def answer(request: Json) -> Json:
        try:
            return await handler(request)
        except (Declined, Unwritable) as error:
            return refusal(error.reason, str(error))

    return answer


def text_in(request: Json, key: str, longest: int) -> str:
    """Return a line of text, empty where there is none.  Raises `Declined`."""
    value = request.get(key, "")
    if not isinstance(value, str) or not value.isprintable() or len(value) > longest:
        raise Declined("bad-request", f'"{key}" must be at most {longest} printable characters')
    return value


@overload
def name_in(request: Json, *, required: Literal[True]) -> str: ...
@overload
def name_in(request: Json, *, required: bool) -> str | None: ...
def name_in(request: Json, *, required: bool) -> str | None:
    """Return the name of a virtual router.  Raises `Declined`."""
    if request.get("router") is None and not required:
        return None
    name = text_in(request, "router", LONGEST_NAME)
    if not name:
        raise Declined("bad-request", '"router" must be the name of a virtual router')
    return name


def whole_in(request: Json, key: str, least: int, most: int) -> int:
    """Return a whole number.  Raises `Declined`."""
    value = request.get(key)
    if type(value) is not int or not least <= value <= most:
        raise Declined("bad-request", f'"{key}" must be a whole number from {least} to {most}')
    return value


def seconds_in(request: Json, key: str, most: float) -> float | None:
    """Return a number of seconds, or None where there is none.  Raises `Declined`."""
    value = request.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= most:
        raise Declined("bad-request", f'"{key}" must be a number of seconds from 0 to {most:g}')
    return float(value)
