"""How types, fields and defaults are written, for readers of any language."""

from __future__ import annotations

import datetime as dt
import types
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

PLAIN = {float: "float", int: "int", str: "str", bool: "bool", dt.datetime: "time", Any: "any", type(None): "nil"}


def field_text(field: msgspec.structs.FieldInfo) -> str:
    """A field as the document writes it: `account: str = ""`."""
    text = f"{field.encode_name}: {type_name(field.type)}"
    if field.required:
        return text
    default: Any = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return f"{text} = {literal(default)}"


def type_name(kind: Any) -> str:
    """A type as the document writes it: `list[Position]`, `float | nil`, `"a" | "b"`."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(literal(each) for each in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(type_name(each) for each in arguments)
    if origin is not None:
        return f"{_container(origin)}[{', '.join(type_name(each) for each in arguments)}]"
    return str(kind.__name__)


def _container(origin: Any) -> str:
    return {list: "list", dict: "map", tuple: "array"}[origin]


def literal(value: Any) -> str:
    """A default as the document writes it."""
    if value is None:
        return "nil"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    return "NaN" if value != value else str(value)  # noqa: PLR0124 - NaN alone differs from itself
