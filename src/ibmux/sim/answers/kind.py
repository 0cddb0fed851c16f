"""The type of an answer, and the two refusals that every domain uses."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ibmux.sim.catalogue.contracts import ContractDetails, Query, Refusal
from ibmux.sim.clients.client import Client
from ibmux.tws.layout import Values

Handler = Callable[[Client, Values], None]

MAX_SUBSCRIPTIONS = 100
"""Subscriptions of one kind that a client may have at once."""
FRACTIONS_SINCE = 163
"""Version from which clients read sizes that are no whole numbers."""
FRACTIONAL = ("CASH", "CRYPTO")
"""Security types whose data older clients are refused (as seen on gateways since 2021)."""
TOO_OLD = "Your API version does not support fractional size rules. Please upgrade to a minimum version 163."


def invalid(client: Client, request_id: int, cause: str) -> None:
    """Send error 321: the request was understood and is not allowed."""
    client.error(request_id, 321, f"Error validating request.-'bN' : cause - {cause}")


def has_room(client: Client, request_id: int, taken: Collection[int], limit: int = MAX_SUBSCRIPTIONS) -> bool:
    """Whether one more subscription fits beside those `taken`; if not, the client is told with error 322."""
    if request_id in taken or len(taken) < limit:
        return True
    client.error(
        request_id, 322, f"Error processing request.-'bN' : cause - Maximum number of {limit} such requests exceeded"
    )
    return False


def resolve(client: Client, request_id: int, query: Query) -> ContractDetails | None:
    """Return the one contract whose data `query` means; else send error 200, or 10285 to a client that is too old."""
    found = client.gateway.world.universe.resolve(query)
    if not isinstance(found, Refusal) and client.version < FRACTIONS_SINCE and found.contract.secType in FRACTIONAL:
        found = Refusal(10285, TOO_OLD)
    if isinstance(found, Refusal):
        client.error(request_id, found.code, found.text)
        return None
    return found


def quiet(client: Client, ask: Values) -> None:
    """Answer a request that a gateway does not acknowledge."""
