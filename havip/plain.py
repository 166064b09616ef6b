"""Frozen dataclasses to JSON-able values and back, by their type hints.

Used for what crosses a process border or is shown as JSON.  Only the types named by the hints can come
out of `from_plain`, whatever the other side sends; a value that does not fit raises `Unfit`.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Hashable
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Plain = Any  # None, bool, int, float, str, and lists and dicts of them


class Unfit(ValueError):
    """A value does not have the shape that the type hints ask for."""


def to_plain(value: object) -> Plain:
    """Return ``value`` as JSON-able data: dataclasses become lists of their fields, in order."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (int, str)):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (IPv4Address, IPv6Address)):
        return str(value)
    if isinstance(value, (tuple, list, frozenset)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    kind: Any = type(value)
    return [to_plain(getattr(value, name)) for name in field_names(kind)]


@cache
def field_names(kind: Hashable) -> tuple[str, ...]:
    """Return the names of a dataclass's fields, in order."""
    return tuple(field.name for field in dataclasses.fields(kind))  # type: ignore[arg-type]


def from_plain(kind: type[T], data: Plain) -> T:
    """Return the ``kind`` that ``data`` stands for.  Raises `Unfit`."""
    hint: Any = kind
    try:
        result: T = reader(hint)(data)
    except Unfit:
        raise
    except ValueError as error:  # an address or a hexadecimal text that is none
        raise Unfit(str(error)) from error
    return result


@cache
def reader(hint: Hashable) -> Callable[[Plain], Any]:
    """Return the function that reads one value of the type ``hint``."""
    hint = getattr(hint, "__supertype__", hint)  # a NewType is read as what it stands for
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return union_reader(get_args(hint))
    if origin is tuple:
        return tuple_reader(get_args(hint))
    if origin is dict:
        return dict_reader(get_args(hint)[1])
    if dataclasses.is_dataclass(hint):
        return dataclass_reader(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return enum_reader(hint)
    if hint is bytes:
        return lambda data: bytes.fromhex(checked(str, data))
    if hint is IPv4Address:
        return lambda data: IPv4Address(checked(str, data))
    if hint in (bool, int, float, str):
        return lambda data: checked(hint, data)
    raise TypeError(f"no rule to read {hint!r}")


def checked(kind: type[T], data: Plain) -> T:
    """Return ``data`` if it is a ``kind`` (an int will do for a float, a bool for nothing else)."""
    if kind is float and type(data) is int:
        return data  # type: ignore[return-value]
    if type(data) is not kind:
        raise Unfit(f"expected {kind.__name__}, found {data!r}")
    return data


def union_reader(members: tuple[Any, ...]) -> Callable[[Plain], Any]:
    """Read ``X | None``, an address of either family, or both."""
    rest = [member for member in members if member is not type(None)]
    if set(rest) == {IPv4Address, IPv6Address}:
        read: Callable[[Plain], Any] = read_address
    elif len(rest) == 1:
        read = reader(rest[0])
    else:
        raise TypeError(f"no rule to tell the members of {members!r} apart")
    if len(rest) == len(members):
        return read
    return lambda data: None if data is None else read(data)


def read_address(data: Plain) -> IPv4Address | IPv6Address:
    """Read an address of either family."""
    return ip_address(checked(str, data))


def tuple_reader(arguments: tuple[Any, ...]) -> Callable[[Plain], Any]:
    """Read ``tuple[X, ...]`` or a tuple of fixed length."""
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        read = reader(arguments[0])
        return lambda data: tuple(map(read, checked(list, data)))
    readers = [reader(argument) for argument in arguments]

    def read_fixed(data: Plain) -> tuple[Any, ...]:
        if len(checked(list, data)) != len(readers):
            raise Unfit(f"expected {len(readers)} values, found {len(data)}")
        return tuple(read(item) for read, item in zip(readers, data, strict=True))

    return read_fixed


def dict_reader(hint: Any) -> Callable[[Plain], Any]:
    """Read ``dict[str, X]``."""
    read = reader(hint)
    return lambda data: {key: read(value) for key, value in checked(dict, data).items()}


def dataclass_reader(kind: Any) -> Callable[[Plain], Any]:
    """Read a dataclass from the list of its fields."""
    hints = get_type_hints(kind)
    readers = [reader(hints[name]) for name in field_names(kind)]

    def read_fields(data: Plain) -> Any:
        if len(checked(list, data)) != len(readers):
            raise Unfit(f"{kind.__name__} has {len(readers)} fields, found {len(data)}")
        return kind(*(read(item) for read, item in zip(readers, data, strict=True)))

    return read_fields


def enum_reader(kind: type[Enum]) -> Callable[[Plain], Any]:
    """Read a member of an enumeration by its value."""

    def read(data: Plain) -> Enum:
        try:
            return kind(data)
        except ValueError as error:
            raise Unfit(str(error)) from None

    return read
