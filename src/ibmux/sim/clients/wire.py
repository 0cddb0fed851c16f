"""How the simulator's facts are spelled in replies: domain objects in, dictionaries for the layouts out."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ibmux.sim.accounts.accounts import PortfolioItem
from ibmux.sim.catalogue.contracts import Contract, ContractDetails, Query
from ibmux.sim.events import Commission, Execution, Margin, OpenOrder, OrderStatus
from ibmux.sim.instants import instant_text
from ibmux.sim.orders.combos import describe
from ibmux.sim.orders.order import FILLED, BookOrder, CompletedOrder
from ibmux.sim.orders.timing import auto_cancelled_at
from ibmux.tws.layout import Values
from ibmux.tws.values import UNSET_DOUBLE, UNSET_INTEGER

EASTERN = ZoneInfo("US/Eastern")
UNSET = (UNSET_DOUBLE, UNSET_INTEGER)
"""What a client sends for a number that it leaves to the gateway."""
PROTECTION = 3
"""Ticks between a stop and the limit that its first openOrder shows."""
ZONED_SINCE = 174
"""Server version from which times carry their zone."""

_CONTRACT = tuple(item.name for item in fields(Contract))
_QUERY = tuple(item.name for item in fields(Query))
_DETAILS = (
    "marketName", "minTick", "orderTypes", "validExchanges", "priceMagnifier", "underConId", "longName",
    "contractMonth", "industry", "category", "subcategory", "timeZoneId", "tradingHours", "liquidHours", "evRule",
    "evMultiplier", "aggGroup", "underSymbol", "underSecType", "marketRuleIds", "realExpirationDate", "stockType",
    "minSize", "sizeIncrement", "suggestedSizeIncrement",
)  # fmt: skip
_MARGIN = "initMargin maintMargin equityWithLoan"


def query_from(ask: Values) -> Query:
    """Return the contract that a request asks about, as the client described it."""
    return Query(**{name: ask[name] for name in _QUERY if name in ask})


def contract_values(contract: Contract) -> Values:
    """Return a contract's fields; an absent right is written `?` in order and execution messages by the caller."""
    return {name: getattr(contract, name) for name in _CONTRACT}


def details_values(details: ContractDetails) -> Values:
    """Return the fields of contractDetails."""
    values = contract_values(details.contract)
    values.update({name: getattr(details, name) for name in _DETAILS})
    values["secIdList"] = [{"tag": tag, "value": value} for tag, value in details.secIdList]
    if details.lastTradeTime and details.contract.lastTradeDateOrContractMonth:
        stamp = (details.contract.lastTradeDateOrContractMonth, details.lastTradeTime, details.timeZoneId)
        values["lastTradeDateOrContractMonth"] = "-".join(stamp)
    return values


def time_text(when: float, version: int, zone: str = "US/Eastern") -> str:
    """Return an instant (epoch seconds) as executions and bars carry it: with its zone from version 174 on.

    Before, clients take it as time of their own machine.
    """
    if version >= ZONED_SINCE:
        return f"{datetime.fromtimestamp(when, ZoneInfo(zone)):%Y%m%d %H:%M:%S} {zone}"
    return f"{datetime.fromtimestamp(when, UTC).astimezone():%Y%m%d  %H:%M:%S}"


def status_values(event: OrderStatus) -> Values:
    """Return the fields of orderStatus."""
    return {
        "orderId": event.orderId,
        "status": event.status,
        "filled": event.filled,
        "remaining": event.remaining,
        "avgFillPrice": event.avgFillPrice,
        "permId": event.permId,
        "parentId": event.parentId,
        "lastFillPrice": event.lastFillPrice,
        "clientId": event.clientId,
        "whyHeld": event.whyHeld,
        "mktCapPrice": event.mktCapPrice,
    }


def _order_values(order: BookOrder) -> Values:
    """Return what openOrder and completedOrder share: what the client sent, under what the gateway filled in."""
    spec = order.spec
    sent: Values = spec.wire if isinstance(spec.wire, dict) else {}
    values: Values = {name: value for name, value in sent.items() if value not in UNSET}
    values.update(contract_values(order.contract))
    values.update(
        action=spec.action,
        totalQuantity=order.total,
        orderType=spec.orderType,
        lmtPrice=spec.lmtPrice or 0.0,
        auxPrice=UNSET_DOUBLE if spec.trailingPercent and spec.auxPrice is None else spec.auxPrice or 0.0,
        tif=spec.tif,
        ocaGroup=order.ocaGroup,
        ocaType=order.ocaType or 3,
        account=order.account,
        openClose="",
        orderRef=spec.orderRef,
        outsideRth=spec.outsideRth,
        permId=order.permId,
        right=order.contract.right or "?",
        deltaNeutralOrderType=values.get("deltaNeutralOrderType") or "None",
        deltaNeutralOpenClose=values.get("deltaNeutralOpenClose") or "?",
        clearingIntent=values.get("clearingIntent") or "IB",
        adjustedOrderType=values.get("adjustedOrderType") or "None",
        dontUseAutoPriceForHedge=True,
        trailStopPrice=_shown_stop(order),
        trailingPercent=spec.trailingPercent,
        usePriceMgmtAlgo=values.get("usePriceMgmtAlgo") or spec.orderType == "LMT",
    )
    if order.parts:
        values["comboLegsDescrip"] = describe(order.parts)
    return values


def _shown_stop(order: BookOrder) -> float | None:
    """The stop price that a gateway fills in: a stop's own, one above the limit of a limit order (as recorded)."""
    spec = order.spec
    if order.stop is not None or spec.trailStopPrice is not None:
        return spec.trailStopPrice if order.stop is None else order.stop
    if spec.orderType in {"STP", "STP LMT"}:
        return spec.auxPrice
    return round(spec.lmtPrice + 1.0, 8) if spec.orderType == "LMT" and spec.lmtPrice is not None else None


def _first_values(order: BookOrder) -> Values:
    """What only the first openOrder of a working order says: the defaults of competing, a stop's protective limit."""
    values: Values = {"minCompeteSize": 100, "competeAgainstBestOffset": 0.02}
    spec = order.spec
    if spec.orderType == "STP" and spec.auxPrice is not None and spec.lmtPrice in (None, 0.0):
        values["lmtPrice"] = round(spec.auxPrice - spec.sign * PROTECTION * order.details.minTick, 8)
    return values


def _margin_values(margin: Margin | None) -> Values:
    if margin is None:
        return {}
    values: Values = {}
    for when in ("Before", "Change", "After"):
        for wire, own in zip(_MARGIN.split(), ("init", "maint", "equity"), strict=True):
            values[wire + when] = getattr(margin, own + when)
    values["commission"] = margin.commission
    values["commissionCurrency"] = margin.commissionCurrency
    return values


def open_order_values(event: OpenOrder) -> Values:
    """Return the fields of openOrder."""
    order = event.order
    values = _order_values(order)
    values.update(
        orderId=order.orderId,
        clientId=order.clientId,
        parentId=order.spec.parentId,
        whatIf=event.margin is not None,
        status=event.status,
        warningText=event.warning,
        sharesAllocation="",
    )
    if event.fresh:
        values.update(_first_values(order))
    if event.commission is not None:
        values.update(commission=event.commission, commissionCurrency=order.contract.currency)
    values.update(_margin_values(event.margin))
    return values


def completed_values(done: CompletedOrder) -> Values:
    """Return the fields of completedOrder."""
    values = _order_values(done.order)
    if done.status == FILLED:
        values["totalQuantity"] = 0  # what has been filled stands in filledQuantity alone
    given_up = auto_cancelled_at(done.order.spec, done.order.accepted)
    values.update(
        autoCancelDate="" if given_up is None else instant_text(given_up, "US/Eastern"),
        status=done.status,
        completedTime=done.completedTime,
        completedStatus=done.completedStatus,
        filledQuantity=done.order.filled,
        parentPermId=done.order.parentPermId or None,
    )
    return values


def execution_values(event: Execution, req_id: int, version: int) -> Values:
    """Return the fields of execDetails; `req_id` is -1 for one that nobody asked for."""
    values = contract_values(event.contract)
    values.update(
        reqId=req_id,
        orderId=event.orderId,
        execId=event.execId,
        time=time_text(event.time, version),
        acctNumber=event.account,
        exchange=event.exchange,
        side=event.side,
        shares=event.shares,
        price=event.price,
        permId=event.permId,
        clientId=event.clientId,
        liquidation=event.liquidation,
        cumQty=event.cumQty,
        avgPrice=event.avgPrice,
        orderRef=event.orderRef,
        evRule=event.evRule,
        modelCode=event.modelCode,
        lastLiquidity=event.lastLiquidity,
    )
    return values


def commission_values(event: Commission) -> Values:
    """Return the fields of commissionReport."""
    return {
        "execId": event.execId,
        "commission": event.commission,
        "currency": event.currency,
        "realizedPNL": event.realizedPNL,
    }


def portfolio_values(item: PortfolioItem) -> Values:
    """Return the fields of updatePortfolio."""
    names = ["position", "marketPrice", "marketValue", "averageCost", "unrealizedPNL", "realizedPNL", "account"]
    return contract_values(item.contract) | {name: getattr(item, name) for name in names}
