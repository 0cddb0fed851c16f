"""Writes docs/api.md from the messages, topics and errors themselves: `python -m ibmux.apidoc > docs/api.md`.

Pure: text out, no files. The sentences about each method, type and error are their docstrings.
"""

from __future__ import annotations

import datetime as dt
import inspect
import sys
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from ibmux import topics
from ibmux.errors import IbmuxError
from ibmux.messages import (
    METHODS,
    SCHEMA,
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

PLAIN = {float: "float", int: "int", str: "str", bool: "bool", dt.datetime: "time", Any: "any", type(None): "nil"}

INTRODUCTION = f"""\
# API, version {SCHEMA}

Written from the code by `python -m ibmux.apidoc`; a test keeps it so.

Any MQTT 5 client with any MessagePack library can use this API: see [examples](../examples). The Python client
(`import ibmux`) is a comfortable form of it, under the method names of ib_async.

## How to ask

1. Connect with MQTT 5. The user name (or, without one, the client id) is the script's name; the password is its token,
   where `proxy.toml` has one. A script without an entry there has `default_role`.
2. Subscribe to your reply topic, `{topics.reply("<gw>", "<script>", "<instance>")}`. An instance is one running copy
   of the script; its name is yours to choose.
3. Publish to `{topics.request("<gw>", "<script>", "<method>")}` with QoS 1: the payload is one MessagePack map of the
   method's arguments (empty: no arguments), the property *response topic* is your reply topic, *correlation data* is
   whatever tells your answers apart. *Message expiry* is the deadline in seconds; without it the deadline is 30 s.
4. The reply carries your correlation data and the user properties `status` (`ok` or `error`), `epoch`, for an error
   `code`, and for a list or a text in parts `part` (`1/3`, `2/3`, `3/3`; in this order; put the lists or texts
   together).

Give every order a `key` of your own: the same key never becomes two orders. Without one the proxy makes it of instance
and correlation data; correlation data that were used before are then refused (`order.key_conflict`).

While the session is not `ready` a request is refused at once with `gateway.not_ready`. With the user property
`wait` = `ready` it waits instead, up to its deadline. A retained request gets `request.retained`.

## How to read

- Structs are maps under the field names below. **A field that has its default is left out**; an unset price or count is
  nil. Readers ignore fields that they do not know; a request with an unknown field is refused.
- Times are MessagePack timestamps in UTC where the type is `time`, and seconds since 1970 in UTC where a field says so.
- `epoch` grows when the session was lost and synchronised again; where it grows, or a `seq` has a hole, ask again for
  what you keep.
- A script that reads too slowly gets quotes folded (the latest wins). Replies, order events and fills are never
  dropped: past `[mqtt] max_queued_bytes` its connection is closed, with a reason.
- A lease (`reqMktData`, `reqTickByTickData`, `reqMktDepth`, `reqRealTimeBars`, `reqBarUpdates`) ends after its `ttl`
  unless the request is repeated, with its cancel (`cancelMktData`, …), or with the connection that asked for it. Its
  answer says where the stream is heard and which number comes next: subscribe first, then ask, and let what comes wait
  for the answer. After a loss upstream every stream goes on by itself; where items were missed, its numbers have a
  hole.
- What has no `ttl` (profit and loss, a model's values, bulletins) ends with its cancel, or with the connection that
  asked for it.
"""


ERRORS = """\
An error reply is the map `{code, message, hint, retryable, retry_after?, outcome, ib?}`. `outcome` is the fate of an
order: `rejected` and `not_sent` are certain, `unknown` means that it may be working, `none` is said of all else.
`ib` is `{code, message}` of Interactive Brokers, where there is one. The Python client raises the class.
"""


class Channel(NamedTuple):
    """One topic of the API: who hears what on it."""

    topic: str
    payload: str
    notes: str


def channels() -> list[Channel]:
    """Every topic but those of requests and replies."""
    gw, script, account_name, con_id = "<gw>", "<script>", "<account>", "<conId>"
    return [
        Channel(topics.PROXY_STATUS, "ProxyStatus", "retained, and the proxy's will at an outside broker"),
        Channel(topics.PROXY_INFO, "ProxyInfo", "retained"),
        Channel(topics.presence(script, "<instance>"), "Presence", "retained, written by the script; its leases end"),
        Channel(topics.status(gw), "GatewayStatus", "retained"),
        Channel(topics.session_event(gw), "SessionEvent", "QoS 1"),
        Channel(topics.notice(gw), "Notice", "QoS 1"),
        Channel(topics.order_event(gw, script), "OrderEvent", f"QoS 1; `{topics.EXTERNAL}` for orders of others"),
        Channel(topics.fill_event(gw, script), "FillEvent", f"QoS 1; `{topics.EXTERNAL}` for orders of others"),
        Channel(topics.order_state(gw, script, "<key>"), "OrderStateRecord", "retained, cleared when finished"),
        Channel(topics.position_state(gw, account_name, con_id), "PositionState", "retained, cleared when flat"),  # type: ignore[arg-type]
        Channel(topics.account_state(gw, account_name), "AccountState", "retained"),
        Channel(topics.pnl_state(gw, account_name), "PnLState", "retained"),
        Channel(topics.model_pnl_state(gw, account_name, "<model>"), "PnLState", "retained while it is followed"),
        Channel(topics.position_pnl_state(gw, account_name, con_id), "PnLSingleState", "retained while it is followed"),  # type: ignore[arg-type]
        Channel(
            topics.model_position_pnl_state(gw, account_name, "<model>", con_id),  # type: ignore[arg-type]
            "PnLSingleState",
            "retained while it is followed",
        ),
        Channel(topics.scan(gw, "<scan>"), "ScanState", "retained for 300 s, while it is followed"),
        Channel(topics.news(gw), "NewsEvent", "QoS 1"),
        Channel(topics.quote(gw, con_id), "Quote", "retained for 60 s; at most four a second"),  # type: ignore[arg-type]
        Channel(topics.tick(gw, con_id), "Ticks", "QoS 0; every tick"),  # type: ignore[arg-type]
        Channel(topics.last(gw, con_id), "LastTicks", "QoS 0; every trade"),  # type: ignore[arg-type]
        Channel(topics.all_last(gw, con_id), "LastTicks", "QoS 0; every trade"),  # type: ignore[arg-type]
        Channel(topics.bid_ask(gw, con_id), "BidAskTicks", "QoS 0; every change"),  # type: ignore[arg-type]
        Channel(topics.midpoint(gw, con_id), "MidPointTicks", "QoS 0; every change"),  # type: ignore[arg-type]
        Channel(topics.depth(gw, con_id), "Depth", "QoS 0; every change"),  # type: ignore[arg-type]
        Channel(topics.real_time_bars(gw, con_id, "<what>"), "RealTimeBars", "QoS 0; every bar as it ends"),  # type: ignore[arg-type]
        Channel(topics.bars(gw, con_id, "<size>", "<what>"), "BarUpdates", "QoS 0; every change of the last bar"),  # type: ignore[arg-type]
    ]


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
    arguments = ", ".join(_field(each) for each in msgspec.structs.fields(method.request))
    also = f" Also called {', '.join(f'`{name}`' for name in names[1:])}." if names[1:] else ""
    yield f"`{names[0]}({arguments}) -> {type_name(method.reply)}` · **{method.role}**\n"
    yield f"{_sentences(method.request)}{also}\n"


def _types() -> Iterator[str]:
    for kind in _reachable():
        yield f"### {kind.__name__}\n"
        yield f"{_sentences(kind)}\n"
        yield "```"
        yield from (_field(each) for each in msgspec.structs.fields(kind))
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


def _field(field: msgspec.structs.FieldInfo) -> str:
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


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield ERRORS
    yield "| code | class | retryable | outcome | meaning |\n| --- | --- | --- | --- | --- |"
    known: dict[str, type[IbmuxError]] = {IbmuxError.code: IbmuxError, **IbmuxError.registry}
    for code, kind in sorted(known.items()):
        if kind.__module__ == IbmuxError.__module__:
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


if __name__ == "__main__":
    sys.stdout.write(render())
