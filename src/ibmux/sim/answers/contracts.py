"""Answers about contracts: details, search, option chains, option calculations."""

from __future__ import annotations

from ibmux.tws.layout import Values
from ibmux.tws.values import UNSET_DOUBLE

from ..client import Client
from ..contracts import ContractDetails
from ..feed import computation_values
from ..options import Computation
from ..universe import NO_DEFINITION
from ..wire import details_values, query_from
from .kind import Handler, invalid, resolve

DETAILS_PER_TURN = 50
CALCULATED = 53
"""Tick type of an option calculation that was asked for."""


def contract_details(client: Client, ask: Values) -> None:
    """Answer reqContractDetails: every contract that fits, or error 200."""
    request_id = ask["reqId"]
    found = client.gateway.world.universe.find(query_from(ask))
    if not found:
        client.error(request_id, 200, NO_DEFINITION)
        return
    _send_details(client, request_id, found)


def _send_details(client: Client, request_id: int, found: list[ContractDetails]) -> None:
    """Send some details now and the rest in later loop turns: a whole chain would hold up every other client."""
    for details in found[:DETAILS_PER_TURN]:
        client.reply("contractDetails", reqId=request_id, **details_values(details))
    rest = found[DETAILS_PER_TURN:]
    if not rest:
        client.reply("contractDetailsEnd", reqId=request_id)
    elif not client.closed:
        client.gateway.loop.call_soon(_send_details, client, request_id, rest)


def matching_symbols(client: Client, ask: Values) -> None:
    """Answer reqMatchingSymbols: at most sixteen."""
    rows = [
        {
            "conId": match.contract.conId,
            "symbol": match.contract.symbol,
            "secType": match.contract.secType,
            "primaryExchange": match.contract.primaryExchange,
            "currency": match.contract.currency,
            "derivativeSecTypes": list(match.derivativeSecTypes),
            "description": match.description,
            "issuerId": "",
        }
        for match in client.gateway.world.universe.matching(ask["pattern"])
    ]
    client.reply("symbolSamples", reqId=ask["reqId"], contracts=rows)


def option_params(client: Client, ask: Values) -> None:
    """Answer reqSecDefOptParams: one row per exchange and trading class, then the end."""
    request_id = ask["reqId"]
    if not ask["underConId"]:
        invalid(client, request_id, "Invalid contract id")
        return
    for row in client.gateway.world.universe.option_params(ask["underConId"], ask["futFopExchange"]):
        client.reply(
            "securityDefinitionOptionParameter",
            reqId=request_id,
            exchange=row.exchange,
            underConId=row.underConId,
            tradingClass=row.tradingClass,
            multiplier=row.multiplier,
            expirations=row.expirations,
            strikes=row.strikes,
        )
    client.reply("securityDefinitionOptionParameterEnd", reqId=request_id)


def _given(value: float) -> bool:
    return 0 < value < UNSET_DOUBLE


def _send_computation(client: Client, request_id: int, result: Computation | None) -> None:
    if result is None:
        invalid(client, request_id, "Unable to calculate for this contract")
    else:
        client.reply("tickOptionComputation", **computation_values(request_id, CALCULATED, result))


def option_price(client: Client, ask: Values) -> None:
    """Answer calculateOptionPrice."""
    details = resolve(client, ask["reqId"], query_from(ask))
    if details is None:
        return
    given = _given(ask["volatility"]) and _given(ask["underPrice"])
    market = client.gateway.world.market
    result = market.option_price(details.contract.conId, ask["volatility"], ask["underPrice"]) if given else None
    _send_computation(client, ask["reqId"], result)


def implied_volatility(client: Client, ask: Values) -> None:
    """Answer calculateImpliedVolatility."""
    details = resolve(client, ask["reqId"], query_from(ask))
    if details is None:
        return
    given = _given(ask["optionPrice"]) and _given(ask["underPrice"])
    market = client.gateway.world.market
    result = market.implied_vol(details.contract.conId, ask["optionPrice"], ask["underPrice"]) if given else None
    _send_computation(client, ask["reqId"], result)


HANDLERS: dict[str, Handler] = {
    "reqContractDetails": contract_details,
    "reqMatchingSymbols": matching_symbols,
    "reqSecDefOptParams": option_params,
    "calculateOptionPrice": option_price,
    "calculateImpliedVolatility": implied_volatility,
}
