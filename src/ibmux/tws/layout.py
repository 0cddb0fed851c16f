"""Layouts: a message as a table of its fields, read and written by one small interpreter.

A table names each field once, with its type and the server versions that carry it. Knows no message itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .values import STR, Kind

Values = dict[str, Any]
"""A decoded message: field name to value; a repeated group is a list of such dictionaries or of plain values."""

EVERY = 1 << 30
MAX_REPEATS = 100_000


class BadMessage(ValueError):
    """A message does not fit its layout; the text names the field."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `default` is the text written when no value is given; `since` to `until` are server versions."""

    name: str
    kind: Kind = STR
    default: str | None = None
    since: int = 0
    until: int = EVERY

    @property
    def absent(self) -> str:
        """The text that stands for no value."""
        return self.kind.write(self.kind.read("")) if self.default is None else self.default


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field that says nothing: written as `text`, skipped when read."""

    text: str = ""
    since: int = 0
    until: int = EVERY


@dataclass(frozen=True, slots=True)
class Repeat:
    """A count, then that many groups. A group of one field is a plain value, else a dictionary."""

    name: str
    items: tuple[Item, ...]
    since: int = 0
    until: int = EVERY


@dataclass(frozen=True, slots=True)
class When:
    """Fields that are there only if `test` holds for what was read or is to be written before them."""

    test: Callable[[Values], bool]
    items: tuple[Item, ...]
    since: int = 0
    until: int = EVERY


Item = Field | Fixed | Repeat | When


def fields(kind: Kind, names: str, default: str | None = None, since: int = 0, until: int = EVERY) -> tuple[Field, ...]:
    """Return one field of the same kind for each of the blank-separated `names`."""
    return tuple(Field(name, kind, default, since, until) for name in names.split())


def for_version(items: Iterable[Item], version: int) -> tuple[Item, ...]:
    """Return the items that `version` carries, groups included; every field's default is spelled out."""
    kept: list[Item] = []
    for item in items:
        if not item.since <= version <= item.until:
            continue
        match item:
            case Repeat():
                kept.append(Repeat(item.name, for_version(item.items, version)))
            case When():
                kept.append(When(item.test, for_version(item.items, version)))
            case Field():
                kept.append(Field(item.name, item.kind, item.absent))
            case _:
                kept.append(item)
    return tuple(kept)


class _Reader:
    """Walks over the texts of one message."""

    def __init__(self, texts: Sequence[str], start: int) -> None:
        self.texts = texts
        self.at = start

    def take(self, name: str) -> str:
        if self.at >= len(self.texts):
            raise BadMessage(f"field {name} is missing")
        self.at += 1
        return self.texts[self.at - 1]

    def read(self, items: tuple[Item, ...], values: Values) -> Values:
        for item in items:
            match item:
                case Field():
                    values[item.name] = self.convert(item)
                case Fixed():
                    self.take("version")
                case Repeat():
                    values[item.name] = self.repeat(item)
                case When():
                    if item.test(values):
                        self.read(item.items, values)
        return values

    def convert(self, item: Field) -> Any:
        text = self.take(item.name)
        try:
            return item.kind.read(text)
        except (ValueError, OverflowError):
            raise BadMessage(f"field {item.name} is no {item.kind.name}: {text[:40]!r}") from None

    def repeat(self, item: Repeat) -> list[Any]:
        text = self.take(item.name) or "0"
        if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) > MAX_REPEATS:
            raise BadMessage(f"count of {item.name} is {text[:40]!r}")
        groups = [self.read(item.items, {}) for _ in range(int(text))]
        return [group[item.items[0].name] for group in groups] if _is_plain(item) else groups  # type: ignore[union-attr]


def _is_plain(item: Repeat) -> bool:
    return len(item.items) == 1 and isinstance(item.items[0], Field)


def _write(items: tuple[Item, ...], values: Values, texts: list[str]) -> None:
    for item in items:
        match item:
            case Field():
                value = values.get(item.name)
                texts.append(item.default or "" if value is None else item.kind.write(value))
            case Fixed():
                texts.append(item.text)
            case Repeat():
                groups = values.get(item.name) or ()
                texts.append(str(len(groups)))
                for group in groups:
                    inner = {item.items[0].name: group} if _is_plain(item) else group  # type: ignore[union-attr]
                    _write(item.items, inner, texts)
            case When():
                if item.test(values):
                    _write(item.items, values, texts)


@dataclass(frozen=True, slots=True)
class Message:
    """A message type: its number, its name in IB's client interface, and its fields after the number."""

    number: int
    name: str
    items: tuple[Item, ...]
    _compiled: dict[int, tuple[Item, ...]] = field(default_factory=dict, compare=False, repr=False)

    def compiled(self, version: int) -> tuple[Item, ...]:
        """Return the fields that server version `version` carries."""
        found = self._compiled.get(version)
        if found is None:
            found = self._compiled[version] = for_version(self.items, version)
        return found

    def decode(self, texts: Sequence[str], version: int) -> Values:
        """Read `texts` (the whole message, number first). Fields left over are ignored, as gateways do.

        Raises:
            BadMessage: a field is missing or has the wrong type.
        """
        return _Reader(texts, 1).read(self.compiled(version), {})

    def encode(self, values: Values, version: int) -> list[str]:
        """Return the texts of the whole message; absent values get their field's default."""
        texts = [str(self.number)]
        _write(self.compiled(version), values, texts)
        return texts

    def position(self, name: str, version: int) -> int | None:
        """Return where the field `name` stands (0 is the number) if it comes before any group, else None."""
        for index, item in enumerate(self.compiled(version), 1):
            if isinstance(item, Repeat | When):
                return None
            if isinstance(item, Field) and item.name == name:
                return index
        return None
