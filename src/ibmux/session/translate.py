"""Contracts and accounts: ib_async's objects to ibmux's records, and contracts back. Orders are in `translate_orders`.

IB's marks for "unset" (1.797e308, 2147483647, `?`) end here.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import ib_async as ib
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER, parseIBDatetime

from ibmux.messages.account import PnL, PnLSingle
from ibmux.messages.combos import COMBO
from ibmux.messages.contracts import (
    ComboLeg,
    Contract,
    ContractDescription,
    ContractDetails,
    DeltaNeutralContract,
    OptionChain,
    TagValue,
)
from ibmux.messages.history import BarData

_FIELDS: tuple[tuple[str, Any], ...] = tuple(
    (name, default)
    for name, default in zip(Contract.__struct_fields__, Contract.__struct_defaults__, strict=True)
    if name not in ("comboLegs", "deltaNeutralContract")
)
"""Each plain field of a contract, and its default."""
_get_fields = attrgetter(*(name for name, _ in _FIELDS))
_LEG = ComboLeg.__struct_fields__
_DETAILS = tuple(
    (name, default)
    for name, default in zip(ContractDetails.__struct_fields__, ContractDetails.__struct_defaults__, strict=True)
    if name not in ("contract", "secIdList")
)
_get_details = attrgetter(*(name for name, _ in _DETAILS))
_BARS_FROM = 5
"""Fields of message 17 before its bars: number, request, start, end, count."""
_CHUNK = 8 * 100
"""Fields of a hundred bars, read within a millisecond."""


def known(value: Any, unset: Any) -> Any:
    """A value of the gateway, or `unset` where it is one of IB's marks for "not set"."""
    if value is None or value == "?" or (isinstance(value, int | float) and value in (UNSET_DOUBLE, UNSET_INTEGER)):
        return unset
    return value


def number(value: float) -> float:
    """A number of the gateway, NaN where it is not set."""
    return math.nan if value == UNSET_DOUBLE else float(value)


def tags(values: Any) -> list[TagValue]:
    """Names and their values."""
    return [TagValue(str(each.tag), str(each.value)) for each in values or ()]


def to_tags(values: list[TagValue]) -> list[ib.TagValue]:
    """Names and their values, as ib_async has them."""
    return [ib.TagValue(each.tag, each.value) for each in values]


def contract(source: ib.Contract) -> Contract:
    """A contract of the gateway."""
    values = {
        name: known(value, default)
        for (name, default), value in zip(_FIELDS, _get_fields(source), strict=True)
        if value is not default
    }
    result = Contract(**values)
    result.strike = float(result.strike or 0.0)
    result.right = {"0": ""}.get(result.right, result.right)
    if source.comboLegs:
        result.comboLegs = [ComboLeg(*(getattr(leg, name) for name in _LEG)) for leg in source.comboLegs]
    hedge = source.deltaNeutralContract
    if hedge:
        result.deltaNeutralContract = DeltaNeutralContract(hedge.conId, hedge.delta, hedge.price)
    return result


def to_contract(source: Contract) -> ib.Contract:
    """A contract for the gateway; combinations have no number there, but one here."""
    values = zip(_FIELDS, _get_fields(source), strict=True)
    result = ib.Contract(**{name: value for (name, default), value in values if value is not default})
    if source.secType == COMBO or source.conId < 0:
        result.conId = 0
    result.comboLegs = [ib.ComboLeg(*(getattr(leg, name) for name in _LEG)) for leg in source.comboLegs]
    hedge = source.deltaNeutralContract
    if hedge is not None:
        result.deltaNeutralContract = ib.DeltaNeutralContract(hedge.conId, hedge.delta, hedge.price)
    return result


def named(source: Contract) -> str:
    """A contract in few words."""
    return source.localSymbol or source.symbol or f"contract {source.conId}"


def details(source: ib.ContractDetails) -> ContractDetails:
    """What describes a contract."""
    values = {
        name: known(value, default)
        for (name, default), value in zip(_DETAILS, _get_details(source), strict=True)
        if value is not default
    }
    result = ContractDetails(**values)
    result.contract = contract(source.contract) if source.contract else None
    result.secIdList = tags(source.secIdList)
    return result


def description(source: ib.ContractDescription) -> ContractDescription:
    """One hit of a search."""
    found = contract(source.contract) if source.contract else None
    return ContractDescription(found, list(source.derivativeSecTypes))


def option_chain(source: ib.OptionChain) -> OptionChain:
    """The options of one exchange and class; `underlyingConId` comes as text from the wire."""
    return OptionChain(
        source.exchange,
        int(source.underlyingConId or 0),
        source.tradingClass,
        source.multiplier,
        list(source.expirations),
        list(source.strikes),
    )


async def bars_of(fields: list[str]) -> list[BarData]:
    """The bars of a whole message 17, read in parts: a long history must not hold up everybody's ticks."""
    found: list[BarData] = []
    for at in range(_BARS_FROM, len(fields), _CHUNK):
        found += bars(fields[at : at + _CHUNK])
        await asyncio.sleep(0)
    return found


def bars(fields: list[str]) -> list[BarData]:
    """Bars from the fields of message 17, eight for each."""
    return [_bar(*fields[at : at + 8]) for at in range(0, len(fields) - 7, 8)]


def _bar(date: str, *numbers: str) -> BarData:
    first, high, low, last, volume, average = (float(text or 0) for text in numbers[:6])
    return BarData(iso(date), first, high, low, last, volume, average, int(numbers[6] or 0))


def iso(text: str) -> str:
    """One of IB's ways to write a date or a time, as ISO 8601; a time without a zone is in UTC.

    Raises:
        ValueError: none of those ways.
    """
    if text.isdigit():
        if len(text) == 8:
            return f"{text[:4]}-{text[4:6]}-{text[6:]}"
        return dt.datetime.fromtimestamp(int(text), dt.UTC).isoformat()
    date, _, rest = text.partition(" ")
    clock, _, zone = rest.strip().partition(" ")
    if date.isdigit() and len(date) == 8 and len(clock) == 8:
        return dt.datetime(
            int(date[:4]), int(date[4:6]), int(date[6:]), int(clock[:2]), int(clock[3:5]), int(clock[6:]),
            tzinfo=_zone(zone),
        ).isoformat()  # fmt: skip
    value = parseIBDatetime(text)
    if isinstance(value, dt.datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    return value.isoformat()


def _zone(name: str) -> dt.tzinfo:
    try:
        return ZoneInfo(name) if name else dt.UTC
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"no time zone is called {name!r}") from None


def pnl(account: str, model: str, values: tuple[float, float, float]) -> PnL:
    """Profit and loss of an account."""
    daily, unrealized, realized = (number(value) for value in values)
    return PnL(account, model, daily, unrealized, realized)


def pnl_single(account: str, model: str, con_id: int, values: tuple[float, ...]) -> PnLSingle:
    """Profit and loss of one position."""
    position, *money = values
    daily, unrealized, realized, value = (number(each) for each in money)
    return PnLSingle(account, model, con_id, daily, unrealized, realized, known(position, 0), value)
