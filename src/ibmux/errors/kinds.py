"""The kinds of errors that several others are: bad requests, the gateway's own, and what a role does not allow."""

from ibmux.errors.base import IbmuxError


class RequestError(IbmuxError):
    """A request that cannot be served whatever the gateway says."""

    code = "request.invalid"
    hint = "Compare the arguments with the method's entry in docs/api.md."


class Forbidden(IbmuxError):
    """The script may not do this: its role or its name does not allow it."""

    code = "auth.forbidden"
    outcome = "not_sent"
    hint = "Give it a role in proxy.toml and restart the proxy: [scripts.NAME] role = read, cancel, trade or admin."


class GatewayError(IbmuxError):
    """The gateway answered with an error; `ib` holds its code and text."""

    code = "gateway.error"
    hint = "The text is the gateway's own; Interactive Brokers' list of message codes explains the number."
