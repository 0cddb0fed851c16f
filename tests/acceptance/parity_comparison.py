"""Compares what ib_async shows with what ibmux shows, field by field under ib_async's names."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
from collections.abc import Iterable, Iterator
from typing import Any

UNSET = (1.7976931348623157e308, 2147483647, 9223372036854775807)
MARKS = frozenset({"1.7976931348623157E308", "1.7976931348623157E+308"})
MISSING = object()


def names_of(value: Any) -> list[str]:
    """The public data fields of an object."""
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value) if not field.name.startswith("_")]
    return list(getattr(value, "_fields", ()))


def scalar(value: Any) -> Any:
    """One value without the ways of either library: unset is None, times are in UTC, enumerations are texts."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None if value in UNSET or math.isnan(value) else round(float(value), 9)
    return None if value in (None, "", "?", (), []) else value if isinstance(value, bool) else _text(str(value))


def _text(text: str) -> Any:
    if text in MARKS:
        return None
    if len(text) > 18 and text[4:5] == "-" and text[10:11] in "T ":
        try:
            return dt.datetime.fromisoformat(text).astimezone(dt.UTC).isoformat()
        except ValueError:
            return text
    return text


def differences(direct: Any, through: Any, skip: frozenset[str] = frozenset(), path: str = "") -> Iterator[str]:
    """Where the two differ, as `path: direct / through`; nothing where they are equal."""
    if through is MISSING:
        if not _is_empty(direct):
            yield f"{path}: {_short(direct)} / no such field"
    elif names_of(direct):
        for name in names_of(direct):
            if name not in skip:
                yield from differences(
                    getattr(direct, name), getattr(through, name, MISSING), skip, f"{path}.{name}".lstrip(".")
                )
    elif isinstance(direct, list | tuple | set | frozenset):
        yield from _listed(list(direct), list(through or ()), skip, path)
    elif isinstance(direct, dict):
        for key in direct:
            yield from differences(direct[key], (through or {}).get(key, MISSING), skip, f"{path}[{key}]")
    elif scalar(direct) != scalar(through):
        yield f"{path or 'result'}: {_short(direct)} / {_short(through)}"


def _listed(direct: list[Any], through: list[Any], skip: frozenset[str], path: str) -> Iterable[str]:
    if len(direct) != len(through):
        yield f"{path or 'result'}: {len(direct)} entries / {len(through)}"
        return
    for number, (one, other) in enumerate(zip(direct, through, strict=True)):
        yield from differences(one, other, skip, f"{path}[{number}]")


def _is_empty(value: Any) -> bool:
    if names_of(value):
        return all(_is_empty(getattr(value, name)) for name in names_of(value))
    return (isinstance(value, list | tuple | dict | set) and not value) or scalar(value) in (None, 0.0, False)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def summary(value: Any) -> str:
    """A result in a few words: what it is and how many."""
    if isinstance(value, list | tuple | set) and not names_of(value):
        kinds = sorted({type(each).__name__ for each in value})
        return f"{len(value)} x {' and '.join(kinds)}" if value else "nothing"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"text of {len(value)} characters" if len(value) > 40 else f"`{value}`"
    if isinstance(value, bool | int | float):
        return f"`{value}`"
    return type(value).__name__
