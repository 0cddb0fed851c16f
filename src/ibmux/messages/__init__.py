"""Every request, reply, event and state of the API as a typed struct; importing this fills the table of methods."""

from ibmux.messages import account, contracts, history, market, orders, session, trades, trading
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
    "contracts",
    "decode",
    "decode_request",
    "encode",
    "history",
    "market",
    "may",
    "orders",
    "session",
    "trades",
    "trading",
]
