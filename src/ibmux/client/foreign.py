"""Contracts and orders of ib_insync and ib_async, and loosely filled ones of our own, as the structs of the API.

Works by attribute names alone: neither library is imported. IB's unset values (1.797e308, 2147483647, NaN) become
None, or the field's default where it cannot be None.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from functools import cache
from math import isnan
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec.structs import fields as fields_of

from ibmux.errors import RequestError
from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.orders import Order

UNSET_DOUBLE = sys.float_info.max
UNSET_INTEGER = 2**31 - 1

S = TypeVar("S", bound=msgspec.Struct)
Reader = Callable[[Any, Any], Any]
"""Takes a foreign value and the field's default, gives the value for our field."""


def is_unset(value: Any, kind: Any = float) -> bool:
    """Whether Interactive Brokers' libraries mean "not given" by this value of a field that is a float or an int."""
    return value is None or value == UNSET_DOUBLE or isnan(value) or (kind is int and value == UNSET_INTEGER)


def to_contract(thing: Any) -> Contract:
    """A contract of whatever origin as a new struct of the API.

    Raises:
        RequestError: it does not look like a contract.
    """
    if not hasattr(thing, "secType") or not hasattr(thing, "conId"):
        raise RequestError(f"{thing!r} is not a contract.", hint="Pass Stock('AAPL', 'SMART', 'USD') or the like.")
    return adapt(thing, Contract)


def to_order(thing: Any) -> Order:
    """An order of whatever origin as a new struct of the API.

    Raises:
        RequestError: it does not look like an order.
    """
    if not hasattr(thing, "orderType") or not hasattr(thing, "totalQuantity"):
        raise RequestError(f"{thing!r} is not an order.", hint="Pass LimitOrder('BUY', 100, 12.5) or the like.")
    return adapt(thing, Order)


def to_tags(things: Any) -> list[TagValue]:
    """A list of name-value pairs, whatever they are made of."""
    return [_read_struct(TagValue)(thing, None) for thing in things or ()]


def adapt(thing: Any, kind: type[S]) -> S:
    """Any object with the right attribute names as a new struct of `kind`; missing attributes get its defaults.

    Raises:
        RequestError: an attribute has a value of the wrong type; the message names it.
    """
    values: dict[str, Any] = {}
    for name, read, default in _plan(kind):
        value = getattr(thing, name, default)
        if value is default:
            continue
        try:
            values[name] = read(value, default)
        except (TypeError, ValueError):
            raise RequestError(f"{kind.__name__}.{name} cannot be {value!r}.") from None
    return kind(**values)


def update(thing: Any, source: msgspec.Struct) -> None:
    """Copy plain values into an object of the script in place, as ib_async does; lists and nested objects stay."""
    for name in source.__struct_fields__:
        value = getattr(source, name)
        if hasattr(thing, name) and value is not None and not isinstance(value, list | msgspec.Struct):
            setattr(thing, name, value)


@cache
def _plan(kind: type[msgspec.Struct]) -> tuple[tuple[str, Reader, Any], ...]:
    """How each field is read: its name, the reader of its type, its default."""
    plan = []
    for field in fields_of(kind):
        default = field.default
        if default is msgspec.NODEFAULT:
            default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else None
        plan.append((field.name, _reader(field.type), default))
    return tuple(plan)


def _reader(declared: Any) -> Reader:
    """The reader for a declared type: a plain one, an optional one, a list, or a struct."""
    origin = get_origin(declared)
    if origin in (Union, types.UnionType):
        (inner,) = (part for part in get_args(declared) if part is not type(None))
        read = _reader(inner)
        if inner not in (float, int):
            return lambda value, default: None if value is None else read(value, default)
        return lambda value, default: None if is_unset(value, inner) else read(value, default)
    if origin is list:
        item = _reader(get_args(declared)[0])
        return lambda value, default: [item(part, None) for part in value or ()]
    if isinstance(declared, type) and issubclass(declared, msgspec.Struct):
        return _read_struct(declared)
    return _PLAIN[declared]


def _read_struct(kind: type[msgspec.Struct]) -> Reader:
    def read(value: Any, default: Any) -> Any:
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            value = types.SimpleNamespace(**dict(zip(kind.__struct_fields__, value, strict=False)))
        result = adapt(value, kind)
        # An empty soft dollar tier is how ib_async says that there is none.
        return None if default is None and kind.__name__ == "SoftDollarTier" and result == kind() else result

    return read


def _read_integer(value: Any, default: Any) -> int:
    if is_unset(value, int):
        return int(default or 0)
    number = int(value)
    if number != value:
        raise ValueError(value)
    return number


_PLAIN: dict[Any, Reader] = {
    float: lambda value, default: default or 0.0 if is_unset(value) else float(value),
    int: _read_integer,
    bool: lambda value, default: default if value is None else bool(value),
    str: lambda value, default: default if value is None else str(value),
}
