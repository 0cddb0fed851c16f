"""What a verb is: a function with a name, arguments and a sentence of help; and how it is read from a line of text.

Knows no gateway and no fault.
"""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, get_type_hints

YES, NO = frozenset({"yes", "on", "true", "1"}), frozenset({"no", "off", "false", "0"})
UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
MAX_LINE = 4096
"""Longest line that is read, in characters."""


class FaultError(ValueError):
    """A line that is no fault, or a fault that cannot be; the text says what would be."""


def to_seconds(text: str) -> float:
    """A length of time: `30`, `30s`, `10 min`, `1.5h`.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]*)", text.strip())
    if found is None or found[2] not in UNITS:
        raise ValueError(f"{text!r} is no length of time: write 30, 30s, 10min or 1.5h")
    return float(found[1]) * UNITS[found[2]]


def to_share(text: str) -> float:
    """A probability: `10%` or `0.1`.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else 2.0
    if value > 1:
        raise ValueError(f"{text!r} is no share: write 10% or 0.1")
    return value


def to_number(text: str) -> int:
    """A whole number.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"-?\d{1,10}", text):
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def count_of(number: int, what: str) -> str:
    """A number of things in words: `1 socket`, `2 sockets`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def to_bool(text: str) -> bool:
    """Yes or no.

    Raises:
        ValueError: neither.
    """
    if text.lower() not in YES | NO:
        raise ValueError(f"{text!r} is neither yes nor no")
    return text.lower() in YES


Seconds = Annotated[float, to_seconds]
Share = Annotated[float, to_share]
Number = Annotated[int, to_number]
YesNo = Annotated[bool, to_bool]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb; `required` if it has no default, `many` if it takes all that follow."""

    name: str
    read: Callable[[str], Any]
    required: bool
    many: bool
    default: Any

    @property
    def shown(self) -> str:
        """How it stands in a line of help."""
        if self.many:
            return f"{self.name.upper()} …" if self.required else f"[{self.name} …]"
        if self.required:
            return self.name.upper()
        plain = self.default in (None, "", 0, -1)
        return f"[{self.name}]" if plain and self.default is not False else f"[{self.name}={_in_text(self.default)}]"


def _in_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Verb:
    """A named action upon a gateway.

    Attributes:
        name: as it is typed; dashes stand for underscores.
        act: what is done: the gateway and the arguments in, a line of answer out.
        group: the heading under which it is listed.
    """

    name: str
    act: Callable[..., str]
    group: str
    arguments: tuple[Argument, ...] = field(default=())

    @property
    def help(self) -> str:
        """What it does, in a sentence or two."""
        return " ".join(inspect.cleandoc(self.act.__doc__ or "").partition("\n\n")[0].split())

    @property
    def gist(self) -> str:
        """What it does in a few words: the first clause of the help."""
        clause = re.split(r"[.:;] ", re.sub(r" ?\([^)]*\)", "", self.help), maxsplit=1)[0]
        return clause.rstrip(".").replace("`", "")

    @property
    def usage(self) -> str:
        """The verb with its arguments."""
        return " ".join([self.name, *(each.shown for each in self.arguments)])

    def read(self, words: list[str]) -> tuple[list[Any], dict[str, Any]]:
        """Turn words into arguments, by place or as name=value.

        Raises:
            FaultError: too many, too few, or not what the argument takes.
        """
        places: list[Any] = []
        named: dict[str, Any] = {}
        free = [each for each in self.arguments if not each.many]
        rest = next((each for each in self.arguments if each.many), None)
        for word in words:
            key, mark, text = word.partition("=")
            argument = next((each for each in free if mark and each.name == key.replace("-", "_")), None)
            if argument is not None:
                free.remove(argument)
                named[argument.name] = self._convert(argument, text)
            elif free and not named:
                places.append(self._convert(free.pop(0), word))
            elif rest is not None:
                places.append(self._convert(rest, word))
            else:
                raise FaultError(f"{word!r} is too much: {self.usage}")
        missing = [each.shown for each in free if each.required]
        if missing or (rest is not None and rest.required and len(places) < len(self.arguments)):
            raise FaultError(
                f"{' '.join(missing) or rest.shown if rest else ' '.join(missing)} is missing: {self.usage}"
            )
        return places, named

    def _convert(self, argument: Argument, text: str) -> Any:
        try:
            return argument.read(text)
        except ValueError as error:
            raise FaultError(f"{self.name}: {argument.name}: {error}") from error


def make_verb(act: Callable[..., str], group: str) -> Verb:
    """A verb of this function: its first parameter is the gateway, the others are the arguments."""
    hints = get_type_hints(act, localns={"SimulatedGateway": object}, include_extras=True)
    found = []
    for parameter in list(inspect.signature(act).parameters.values())[1:]:
        read = getattr(hints[parameter.name], "__metadata__", (str,))[0]
        many = parameter.kind is inspect.Parameter.VAR_POSITIONAL
        required = parameter.default is inspect.Parameter.empty and not many
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        found.append(Argument(parameter.name, read, required, many, default))
    return Verb(act.__name__.rstrip("_"), act, group, tuple(found))


def split_line(line: str) -> list[str]:
    """The words of a line; quotes keep spaces together, # begins a comment.

    Raises:
        FaultError: the line is too long, or a quote is not closed.
    """
    if len(line) > MAX_LINE:
        raise FaultError(f"a line has at most {MAX_LINE} characters")
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise FaultError(f"cannot be read: {error}") from error
