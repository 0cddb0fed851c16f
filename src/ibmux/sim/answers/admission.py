"""The way in for requests about the past: which are let through, how many may be open, and when they are answered.

Limits are a login's, over all its clients. A request is open until it is answered; one for the earliest time, until it
is cancelled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Hashable

from ibmux.sim.catalogue.contracts import ContractDetails, Refusal
from ibmux.sim.clients.client import Client
from ibmux.sim.feeds import permissions
from ibmux.sim.prices.history_limits import VIOLATION
from ibmux.tws.layout import Values

MAX_OPEN = 50
"""Historical requests that may be open at once (IB: historical data limitations)."""
BARS, TICKS, HEAD, HISTOGRAM = "bars", "ticks", "head", "histogram"
FAILED = {
    BARS: (162, "Historical Market Data Service error message:"),
    HEAD: (162, "Historical Market Data Service error message:"),
    TICKS: (10187, "Failed to request historical ticks:"),
    HISTOGRAM: (10188, "Failed to request histogram data:"),
}
"""How an error of the data service is told, by the kind of request."""


def is_free(client: Client, request_id: int) -> bool:
    """Whether the number is unused and one request more may be open; if not, the client is told (322)."""
    if request_id in client.bars or request_id in client.asked:
        client.error(request_id, 322, "Error processing request.-'bN' : cause - Duplicate ticker id")
        return False
    others = client.gateway.clients.values()
    if sum(len(other.bars) + len(other.asked) for other in others) >= MAX_OPEN:
        text = f"Maximum number of {MAX_OPEN} such requests exceeded"
        client.error(request_id, 322, f"Error processing request.-'bN' : cause - {text}")
        return False
    return True


def refuse(client: Client, request_id: int, refusal: Refusal) -> None:
    """Tell the client why its request is refused."""
    client.error(request_id, refusal.code, refusal.text)


def may_see(client: Client, request_id: int, details: ContractDetails, kind: str) -> bool:
    """Whether the login has the contract's data; if not, the client is told."""
    if permissions.is_live(details, client.gateway.settings.subscriptions):
        return True
    code, text = FAILED[kind]
    client.error(request_id, code, f"{text}{permissions.no_permissions(details)}")
    return False


def is_paced(client: Client, ask: Values, details: ContractDetails, what: str, kind: str) -> bool:
    """Whether the request keeps the pacing rules, where they are on; if not, the client is told."""
    if not client.gateway.settings.history_pacing:
        return True
    request: Hashable = (kind, *(repr(value) for name, value in sorted(ask.items()) if name != "reqId"))
    contract: Hashable = (details.contract.conId, details.contract.exchange, what)
    limits, weight = client.gateway.world.history.limits, 2 if what == "BID_ASK" else 1
    if limits.admit(request, contract, time.monotonic(), weight=weight):
        return True
    code, _ = FAILED[kind]
    client.error(ask["reqId"], code, VIOLATION)
    return False


def answer(client: Client, request_id: int, kind: str, act: Callable[[], None]) -> None:
    """Let `act` answer a request, at once or after `history_delay`, unless it is cancelled meanwhile."""
    delay = client.gateway.settings.history_delay
    if delay <= 0:
        act()
        return
    ticket = (kind, object())
    client.asked[request_id] = ticket

    def finish() -> None:
        if client.asked.get(request_id) is ticket and not client.closed:
            del client.asked[request_id]
            act()

    client.gateway.after(delay, finish)


def work(client: Client, request_id: int, kind: str, steps: Generator[None, None, None]) -> None:
    """Let `steps` find an answer and send it, a slice at a time; until then the request is open."""
    ticket = (kind, object())
    client.asked[request_id] = ticket
    client.gateway.feed.slices.begin(_guarded(client, request_id, ticket, steps))


def _guarded(
    client: Client, request_id: int, ticket: tuple[str, object], steps: Generator[None, None, None]
) -> Generator[None, None, None]:
    """The steps, for as long as somebody waits for them."""
    try:
        for _ in steps:
            yield
            if client.closed or client.asked.get(request_id) is not ticket:
                return
    except Exception:
        client.error(request_id, 322, "Error processing request.-'bN' : cause - internal error")
        raise
    finally:
        if client.asked.get(request_id) is ticket:
            del client.asked[request_id]


def withdraw(client: Client, request_id: int, kind: str) -> bool:
    """Forget an open request. Return whether there was one."""
    ticket = client.asked.get(request_id)
    if ticket is None or ticket[0] != kind:
        return False
    del client.asked[request_id]
    return True
