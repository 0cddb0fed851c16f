"""`ibmux call`: any method of the API, with its arguments as key=value. Knows the table of methods, not the methods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from ibmux.cli import screen
from ibmux.cli.exits import Exit
from ibmux.cli.options import PROXY, Proxy
from ibmux.errors import RequestError
from ibmux.messages import METHODS


async def call(
    method: str = "",
    *arguments: str,
    list_: Annotated[bool, Parameter(name="--list")] = False,
    proxy: Proxy = PROXY,
) -> int:
    """Call any method of the API and print its reply as JSON.

    For example: ibmux call reqContractDetails contract.symbol=AAPL contract.secType=STK contract.exchange=SMART

    Args:
        method: the method's name, as in ib_async.
        arguments: key=value; a value is JSON, or text if it is no JSON; contract.symbol=AAPL sets a nested key.
        list_: print the methods and their arguments instead.
        proxy: which proxy to ask, as whom.
    """
    if list_ or not method:
        screen.emit(_listed()) if proxy.json else screen.out.print(_method_table())
        return Exit.OK
    request = arrange(arguments)
    async with proxy.connect() as connection:
        reply = await connection.call(method, timeout=proxy.timeout, **request)
    screen.emit(reply, pretty=False if proxy.json else None)
    return Exit.OK


def arrange(arguments: Iterable[str]) -> dict[str, Any]:
    """Turn `key=value` texts into a tree: `contract.symbol=AAPL` becomes `{"contract": {"symbol": "AAPL"}}`.

    Raises:
        RequestError: an argument without `=`, or a key that is both a value and a table.
    """
    tree: dict[str, Any] = {}
    for text in arguments:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise RequestError(f"{text!r} is not key=value.", hint="For example: contract.symbol=AAPL")
        *tables, key = path.split(".")
        place = tree
        for name in tables:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise RequestError(f"{text!r}: {name} has a value already.")
        place[key] = read_value(value)
    return tree


def read_value(text: str) -> Any:
    """A value as JSON (`5`, `true`, `[…]`, `"5"`), or as the text itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _listed() -> list[dict[str, str]]:
    return [
        {"method": name, "role": method.role, "arguments": _arguments(method.request)}
        for name, method in sorted(METHODS.items())
    ]


def _arguments(request: type[msgspec.Struct]) -> str:
    fields = msgspec.structs.fields(request)
    return " ".join(each.name if each.required else f"[{each.name}]" for each in fields)


def _method_table() -> Table:
    made = screen.table("method", "role", "arguments~", "what it does~")
    cells = []
    for name, method in sorted(METHODS.items()):
        text = (method.request.__doc__ or "").strip().split(". ")[0]
        cells.append((Text(name, "bold"), method.role, _arguments(method.request), " ".join(text.split())))
    return screen.rows(made, cells)
