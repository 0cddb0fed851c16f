"""How single values are written on the wire and read from it. Knows no message.

Unset values have IB's own numbers (maximum double, maximum 32-bit int) or are empty, depending on the field.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

UNSET_DOUBLE = 1.7976931348623157e308
UNSET_INTEGER = 2147483647
UNSET_LONG = 9223372036854775807
UNSET_DOUBLE_TEXT = "1.7976931348623157E308"


class Kind(NamedTuple):
    """A type of field: how to read its text and how to write its value. `read` raises ValueError."""

    name: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]


def number(value: float) -> str:
    """Write a finite number without exponent-free noise: `150`, `150.25`; maximum and infinity in IB's spelling."""
    if value == UNSET_DOUBLE:
        return UNSET_DOUBLE_TEXT
    if value == math.inf:
        return "Infinity"
    if math.isnan(value) or value == -math.inf:
        return ""
    whole = int(value)
    return str(whole) if whole == value and abs(whole) < 1e15 else repr(float(value))


def _read_float(text: str) -> float:
    if text in ("Infinity", "Infinite"):  # official clients write the first, independent ones the second
        return math.inf
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"not a number: {text!r}")
    return value


def _read_strike(text: str) -> float:
    value = _read_float(text) if text else 0.0
    if value == math.inf:
        raise ValueError(f"not a strike: {text!r}")
    return 0.0 if value == UNSET_DOUBLE else value


def _read_bool(text: str) -> bool:
    if text in ("", "0", "false", "False"):
        return False
    if text in ("1", "true", "True"):
        return True
    raise ValueError(f"not a boolean: {text!r}")


def _read_int(text: str) -> int:
    # Some clients write whole numbers as doubles ("100.0").
    try:
        value = int(text)
    except ValueError:
        if not float(text).is_integer():
            raise
        value = int(float(text))
    if abs(value) > UNSET_LONG:
        raise ValueError(f"too large: {text[:40]!r}")
    return value


STR = Kind("str", str, str)
INT = Kind("int", lambda text: _read_int(text) if text else 0, lambda value: str(int(value)))
FLOAT = Kind("float", lambda text: _read_float(text) if text else 0.0, number)
BOOL = Kind("bool", _read_bool, lambda value: "1" if value else "0")
OPTIONAL_FLOAT = Kind(
    "optional float",
    lambda text: _read_float(text) if text else UNSET_DOUBLE,
    lambda value: "" if value == UNSET_DOUBLE else number(value),
)
OPTIONAL_INT = Kind(
    "optional int",
    lambda text: _read_int(text) if text else UNSET_INTEGER,
    lambda value: "" if value == UNSET_INTEGER else str(int(value)),
)
MAXED_INT = Kind("int, maximum if unset", OPTIONAL_INT.read, lambda value: str(int(value)))
MAXED_FLOAT = Kind("float, maximum if unset", OPTIONAL_FLOAT.read, number)
STRIKE = Kind("strike, zero if unset", _read_strike, lambda value: "0" if value == UNSET_DOUBLE else number(value))
