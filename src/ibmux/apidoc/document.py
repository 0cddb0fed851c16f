"""The whole document, from the tables of methods, topics and errors. Pure: text out, no files."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args, get_type_hints

import msgspec

from ibmux.apidoc.hearing import channels
from ibmux.apidoc.notation import field_text, type_name
from ibmux.apidoc.prose import ERRORS, INTRODUCTION
from ibmux.errors import IbmuxError
from ibmux.messages import (
    METHODS,
    Request,
    account,
    advisor,
    bars,
    calendar,
    contracts,
    depth,
    exercise,
    history,
    market,
    news,
    orders,
    rules,
    scanner,
    session,
    ticks,
    trades,
    trading,
)

CHAPTERS: tuple[tuple[str, ModuleType], ...] = (
    ("Accounts", account),
    ("Contracts", contracts),
    ("Market data", market),
    ("Tick-by-tick data", ticks),
    ("Market depth", depth),
    ("Live bars", bars),
    ("Markets and the option model", rules),
    ("History", history),
    ("Orders", trading),
    ("Exercise of options", exercise),
    ("Market scanners", scanner),
    ("News", news),
    ("Companies", calendar),
    ("The login", advisor),
    ("Proxy and session", session),
)
"""Titles of the methods' chapters, and where their requests are."""


def render() -> str:
    """The whole document."""
    parts = [INTRODUCTION, *_topics(), "## Methods\n", *_methods(), "## Types\n", *_types(), *_errors()]
    return "\n".join(parts)


def _topics() -> Iterator[str]:
    yield "## Topics\n"
    yield "| topic | payload | |\n| --- | --- | --- |"
    for each in channels():
        yield f"| `{each.topic}` | [{each.payload}](#{each.payload.lower()}) | {each.notes} |"
    yield ""


def _methods() -> Iterator[str]:
    yield (
        "`name(arguments) -> reply` and the role that it takes: `read`, `cancel`, `trade`, `admin`, each of which may\n"
        "do what the ones before it may. Names and arguments are those of ib_async.\n"
    )
    for title, module in CHAPTERS:
        yield f"### {title}\n"
        for names in _grouped(module):
            yield from _method(names)


def _grouped(module: ModuleType) -> list[list[str]]:
    """The methods of one domain; names for the same question together."""
    groups: dict[type[Request], list[str]] = {}
    for name, method in METHODS.items():
        if method.request.__module__ == module.__name__:
            groups.setdefault(method.request, []).append(name)
    return list(groups.values())


def _method(names: list[str]) -> Iterator[str]:
    method = METHODS[names[0]]
    arguments = ", ".join(field_text(each) for each in msgspec.structs.fields(method.request))
    also = f" Also called {', '.join(f'`{name}`' for name in names[1:])}." if names[1:] else ""
    yield f"`{names[0]}({arguments}) -> {type_name(method.reply)}` · **{method.role}**\n"
    yield f"{_sentences(method.request)}{also}\n"


def _types() -> Iterator[str]:
    for kind in _reachable():
        yield f"### {kind.__name__}\n"
        yield f"{_sentences(kind)}\n"
        yield "```"
        yield from (field_text(each) for each in msgspec.structs.fields(kind))
        yield "```\n"


def _reachable() -> list[type[msgspec.Struct]]:
    """Every struct that a method or a topic leads to, in the order of their modules."""
    structs = {
        name: kind for module in (*(each for _, each in CHAPTERS), orders, trades) for name, kind in _structs(module)
    }
    found: dict[str, type[msgspec.Struct]] = {}
    waiting: list[Any] = [structs[each.payload] for each in channels()]
    for method in METHODS.values():
        waiting += [method.reply, *get_type_hints(method.request).values()]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__name__ not in found:
            found[kind.__name__] = kind
            waiting += get_type_hints(kind).values()
    return [found[name] for name in sorted(found)]


def _structs(module: ModuleType) -> list[tuple[str, type[msgspec.Struct]]]:
    return inspect.getmembers(module, lambda each: isinstance(each, type) and issubclass(each, msgspec.Struct))


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield ERRORS
    yield "| code | class | retryable | outcome | meaning |\n| --- | --- | --- | --- | --- |"
    known: dict[str, type[IbmuxError]] = {IbmuxError.code: IbmuxError, **IbmuxError.registry}
    for code, kind in sorted(known.items()):
        if kind.__module__.startswith("ibmux.errors"):
            facts = f"`{code}` | {kind.__name__} | {'yes' if kind.retryable else 'no'} | {kind.outcome}"
            yield f"| {facts} | {_line(_summary(kind))} {_line(kind.hint)} |"
    yield ""


def _sentences(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _summary(kind: type) -> str:
    return _sentences(kind).split("\n\n", 1)[0]


def _line(text: str) -> str:
    """Text for one cell of a table: one line, no column's end, no markup outside code."""
    pieces = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(each if number % 2 else each.replace("<", "&lt;") for number, each in enumerate(pieces))
