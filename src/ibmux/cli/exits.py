"""The exit codes of every verb but `check`, whose codes are `core.verdicts`' own. Knows no verb."""

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
    """The proxy or the gateway answered with an error, a part of the demo failed, `doctor` found a problem, or another
    proxy has the gateway.
    """
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
