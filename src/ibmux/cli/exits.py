"""The exit codes of every verb: the one table that programs and the documents rely on. Knows no verb."""

from __future__ import annotations

from enum import IntEnum

from ibmux.errors import (
    ConfigError,
    ConnectionLost,
    Draining,
    IbmuxError,
    NotReady,
    Refused,
    RequestError,
    UnknownGateway,
    UnknownMethod,
    Unreachable,
)

MISUSE = (ConfigError, UnknownGateway, UnknownMethod)
"""Errors of whoever called; so is a plain `RequestError`, but not every kind of it."""


class Exit(IntEnum):
    """What `ibmux VERB` ended with, except `check`."""

    OK = 0
    """Done."""
    FAILED = 1
    """The proxy or the gateway answered with an error, or a part of the demo failed."""
    USAGE = 2
    """Wrong arguments or settings; nothing was tried."""
    UNREACHABLE = 3
    """No proxy answers at the url."""
    NOT_READY = 4
    """The proxy answers, but the gateway's session is not ready."""
    REFUSED = 5
    """The proxy does not let this name or token in."""
    INTERRUPTED = 130
    """Ended by Ctrl-C before it was done."""


class CheckExit(IntEnum):
    """What `ibmux check` found out."""

    READY = 0
    """The gateway answers everything that a session needs."""
    NOTHING_LISTENS = 1
    """Nothing accepts a connection at the address."""
    NO_ANSWER = 2
    """Something accepts the connection and does not speak the API."""
    CLIENT_ID_IN_USE = 3
    """Another connection holds the clientId (error 326)."""
    WRONG_ACCOUNT = 4
    """The login has other accounts, or is of another kind (paper, live), than promised."""
    API_REFUSED = 5
    """The API is not enabled for this address, or is read-only."""
    SLOW = 6
    """The first download was slow or never ended, or the gateway has lost Interactive Brokers."""
    USAGE = 64
    """Wrong arguments or settings; nothing was tried."""


def exit_for(error: IbmuxError) -> Exit:
    """The exit code that an error of the proxy leads to."""
    if isinstance(error, MISUSE) or type(error) is RequestError:
        return Exit.USAGE
    match error:
        case Unreachable() | ConnectionLost() | Draining():
            return Exit.UNREACHABLE
        case NotReady():
            return Exit.NOT_READY
        case Refused():
            return Exit.REFUSED
        case _:
            return Exit.FAILED
