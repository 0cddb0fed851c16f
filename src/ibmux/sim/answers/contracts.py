"""Answers about contracts: details, search, option chains, option calculations."""

from __future__ import annotations

from dataclasses import fields

from ibmux.sim.answers.kind import Handler, invalid, resolve
from ibmux.sim.catalogue.contracts import Bond, ContractDetails
from ibmux.sim.catalogue.universe import NO_DEFINITION
from ibmux.sim.clients.client import Client
from ibmux.sim.clients.wire import details_values, query_from
from ibmux.sim.feeds.feed import computation_values
from ibmux.sim.theory.options import Computation
from ibmux.tws.layout import Values
from ibmux.tws.values import UNSET_DOUBLE

DETAILS_PER_TURN = 50
CALCULATED = 53
"""Tick type of an option calculation that was asked for."""
SECURITY_TYPES = frozenset((
    "STK", "OPT", "FUT", "CONTFUT", "FUT+CONTFUT", "IND", "FOP", "CASH", "WAR", "IOPT", "BOND", "BILL", "CMDTY", "NEWS",
    "FUND", "CFD", "CRYPTO",
))  # fmt: skip
NO_COMBOS = "'BAG' isn't supported for contract data request. Please enter a valid security type"
NO_TYPE = "Please enter a valid security type"


def _invalid_type(ask: Values) -> str:
    """What is wrong with the security type of a request for details; empty if nothing is."""
    kind = ask["secType"]
    if kind == "BAG":
        return NO_COMBOS
    known = kind in SECURITY_TYPES or (not kind and (ask["conId"] or ask["secId"]))
    return "" if known else NO_TYPE


def contract_details(client: Client, ask: Values) -> None:
    """Answer reqContractDetails: every contract that fits, or error 200; 321 for combinations and unknown types."""
    request_id = ask["reqId"]
    if cause := _invalid_type(ask):
        client.error(request_id, 321, f"Error validating request.-'bI' : cause - {cause}")
        return
    found = client.gateway.world.universe.find(query_from(ask))
    if not found:
        client.error(request_id, 200, NO_DEFINITION)
        return
    _send_details(client, request_id, found)


def _send_details(client: Client, request_id: int, found: list[ContractDetails]) -> None:
    """Send some details now and the rest in later loop turns: a whole chain would hold up every other client."""
    for details in found[:DETAILS_PER_TURN]:
        if details.bond is None:
            client.reply("contractDetails", reqId=request_id, **details_values(details))
        else:
            client.reply("bondContractDetails", reqId=request_id, **bond_values(details, details.bond))
    rest = found[DETAILS_PER_TURN:]
    if not rest:
        client.reply("contractDetailsEnd", reqId=request_id)
    elif not client.closed:
        client.gateway.loop.call_soon(_send_details, client, request_id, rest)


def bond_values(details: ContractDetails, bond: Bond) -> Values:
    """Return the fields of bondContractDetails."""
    values = details_values(details)
    values.update({field.name: getattr(bond, field.name) for field in fields(bond)})
    return values | {"coupon": f"{bond.coupon:g}"}


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
            "issuerId": match.issuerId,
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
    universe = client.gateway.world.universe
    for row in universe.option_params(ask["underConId"], ask["futFopExchange"], ask["secType"]):
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
