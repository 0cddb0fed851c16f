"""What the simulated gateway answers to each request: one function per request, one module per domain.

`HANDLERS` finds the function by the request's name. Each takes the asking client and the decoded fields.
"""

from ibmux.tws.requests import REQUEST_NAMES

from . import account, contracts, history, market, orders, session, unmodelled
from .kind import Handler

HANDLERS: dict[str, Handler] = {
    **account.HANDLERS,
    **contracts.HANDLERS,
    **history.HANDLERS,
    **market.HANDLERS,
    **orders.HANDLERS,
    **session.HANDLERS,
    **unmodelled.HANDLERS,
}

_missing = set(REQUEST_NAMES) - set(HANDLERS) - {"startApi"}
if _missing:
    raise RuntimeError(f"requests without an answer: {sorted(_missing)}")

__all__ = ["HANDLERS"]
