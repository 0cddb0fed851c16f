"""What the simulated gateway answers to each request: one function per request, one module per domain.

`HANDLERS` finds the function by the request's name. Each takes the asking client and the decoded fields.
"""

from ibmux.sim.answers import (
    account,
    advisor,
    calendar,
    contracts,
    depth,
    groups,
    history,
    market,
    news,
    orders,
    pasts,
    realtime,
    scanner,
    session,
    ticks,
    unmodelled,
)
from ibmux.sim.answers.kind import Handler
from ibmux.sim.answers.read_only import guard
from ibmux.tws.requests import REQUEST_NAMES

HANDLERS: dict[str, Handler] = {
    **account.HANDLERS,
    **contracts.HANDLERS,
    **history.HANDLERS,
    **pasts.HANDLERS,
    **market.HANDLERS,
    **depth.HANDLERS,
    **realtime.HANDLERS,
    **ticks.HANDLERS,
    **orders.HANDLERS,
    **session.HANDLERS,
    **advisor.HANDLERS,
    **calendar.HANDLERS,
    **groups.HANDLERS,
    **news.HANDLERS,
    **scanner.HANDLERS,
    **unmodelled.HANDLERS,
}

_missing = set(REQUEST_NAMES) - set(HANDLERS) - {"startApi"}
if _missing:
    raise RuntimeError(f"requests without an answer: {sorted(_missing)}")
HANDLERS = guard(HANDLERS)

__all__ = ["HANDLERS"]
