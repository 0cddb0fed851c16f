"""Every request, reply, event and state of the API as a typed struct; importing this fills the table of methods."""

from ibmux.messages import (
    account,
    advisor,
    bars,
    calendar,
    combos,
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
from ibmux.messages.methods import METHODS, ROLES, Method, Request, Role, may
from ibmux.messages.wire import CONTENT_TYPE, decode, decode_request, encode

SCHEMA = 1
"""Version of the messages; it grows when a change is not compatible."""

__all__ = [
    "CONTENT_TYPE",
    "METHODS",
    "ROLES",
    "SCHEMA",
    "Method",
    "Request",
    "Role",
    "account",
    "advisor",
    "bars",
    "calendar",
    "combos",
    "contracts",
    "decode",
    "decode_request",
    "depth",
    "encode",
    "exercise",
    "history",
    "market",
    "may",
    "news",
    "orders",
    "rules",
    "scanner",
    "session",
    "ticks",
    "trades",
    "trading",
]
