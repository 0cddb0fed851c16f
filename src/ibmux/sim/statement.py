"""An account's figures under the gateway's tags: account values, ledger rows and the account summary.

Pure: from the books of an account and current marks to numbers that agree with each other to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import NamedTuple

from ibmux.sim.ledger import Ledger, Marker
from ibmux.sim.margin import requirement
from ibmux.sim.money import ZERO, cents

LEVERAGE = 4
BASE = "USD"


class AccountValue(NamedTuple):
    """One row of account values or account summary."""

    tag: str
    value: str
    currency: str
    account: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums behind an account's values, in base currency."""

    cash: Decimal
    stock: Decimal
    option: Decimal
    future: Decimal
    currency: Decimal
    gross: Decimal
    initial: Decimal
    maintenance: Decimal
    unrealized: Decimal
    realized: Decimal
    daily: Decimal
    longOption: Decimal

    @property
    def netLiquidation(self) -> Decimal:
        """Cash and the value of all positions."""
        return self.cash + self.stock + self.option

    @property
    def equityWithLoan(self) -> Decimal:
        """What margin is measured against: net liquidation without long options, which have no loan value."""
        return self.netLiquidation - self.longOption

    @property
    def available(self) -> Decimal:
        """Equity above the initial margin."""
        return self.equityWithLoan - self.initial

    @property
    def excess(self) -> Decimal:
        """Equity above the maintenance margin."""
        return self.equityWithLoan - self.maintenance

    @property
    def buyingPower(self) -> Decimal:
        """What could be bought on margin."""
        return max(ZERO, self.available) * LEVERAGE


def figures(ledger: Ledger, mark: Marker, under: Marker) -> Figures:
    """The sums of an account; `mark` prices a contract, `under` its underlying.

    Futures and currencies count as cash, at their present value less what they cost: their profit is settled at once.
    """
    value = dict.fromkeys(("STK", "OPT", "FUT", "CASH"), ZERO)
    initial = maintenance = unrealized = realized = daily = gross = long_option = ZERO
    for held in ledger.holdings.values():
        price = mark(held.details)
        worth = held.value(price)
        kind = held.details.contract.secType
        value[kind] += worth
        unrealized += worth - held.cost
        realized += held.realized
        daily += worth - held.start + held.flow
        gross += abs(worth) if kind in {"STK", "OPT"} else ZERO
        long_option += max(ZERO, worth) if kind == "OPT" else ZERO
        first, later = requirement(held.details, held.position, price, under(held.details))
        initial, maintenance = initial + first, maintenance + later
    cash = ledger.cash + value["FUT"] + value["CASH"]
    return Figures(
        cash, value["STK"], value["OPT"], value["FUT"], value["CASH"], gross, initial, maintenance, unrealized,
        realized, daily, long_option,
    )  # fmt: skip


def money_tags(sums: Figures) -> dict[str, Decimal]:
    """The amounts that account values and summary share, by tag."""
    available, excess = sums.available, sums.excess
    return {
        "AccruedCash": ZERO,
        "AccruedDividend": ZERO,
        "AvailableFunds": available,
        "Billable": ZERO,
        "BuyingPower": sums.buyingPower,
        "EquityWithLoanValue": sums.equityWithLoan,
        "ExcessLiquidity": excess,
        "FullAvailableFunds": available,
        "FullExcessLiquidity": excess,
        "FullInitMarginReq": sums.initial,
        "FullMaintMarginReq": sums.maintenance,
        "GrossPositionValue": sums.gross,
        "Guarantee": ZERO,
        "IndianStockHaircut": ZERO,
        "InitMarginReq": sums.initial,
        "LookAheadAvailableFunds": available,
        "LookAheadExcessLiquidity": excess,
        "LookAheadInitMarginReq": sums.initial,
        "LookAheadMaintMarginReq": sums.maintenance,
        "MaintMarginReq": sums.maintenance,
        "NetLiquidation": sums.netLiquidation,
        "PASharesValue": ZERO,
        "PhysicalCertificateValue": ZERO,
        "PostExpirationExcess": ZERO,
        "PostExpirationMargin": ZERO,
        "PreviousDayEquityWithLoanValue": sums.equityWithLoan - sums.daily,
        "RegTEquity": sums.equityWithLoan,
        "RegTMargin": sums.initial,
        "SMA": max(ZERO, available),
        "TotalCashValue": sums.cash,
        "TotalDebitCardPendingCharges": ZERO,
    }


def ledger_tags(sums: Figures) -> dict[str, Decimal]:
    """The amounts of a currency's ledger rows, by tag."""
    return {
        "CashBalance": sums.cash,
        "CorporateBondValue": ZERO,
        "Cryptocurrency": ZERO,
        "FundValue": ZERO,
        "FutureOptionValue": ZERO,
        "FuturesPNL": ZERO,
        "FxCashBalance": ZERO,
        "IssuerOptionValue": ZERO,
        "MoneyMarketFundValue": ZERO,
        "MutualFundValue": ZERO,
        "NetDividend": ZERO,
        "NetLiquidationByCurrency": sums.netLiquidation,
        "OptionMarketValue": sums.option,
        "RealizedPnL": sums.realized,
        "StockMarketValue": sums.stock,
        "TBillValue": ZERO,
        "TBondValue": ZERO,
        "TotalCashBalance": sums.cash,
        "UnrealizedPnL": sums.unrealized,
        "WarrantValue": ZERO,
    }


def text_tags(name: str, sums: Figures) -> dict[str, str]:
    """What a gateway says of an account in words and ratios, by tag."""
    equity = sums.netLiquidation
    cushion = sums.excess / equity if equity > 0 else ZERO
    leverage = sums.gross / equity if equity > 0 else ZERO
    return {
        "AccountCode": name,
        "AccountOrGroup": name,
        "AccountReady": "true",
        "AccountType": "INDIVIDUAL",
        "Currency": BASE,
        "Cushion": f"{min(Decimal(1), cushion):.6f}",
        "DayTradesRemaining": "-1",
        "DayTradesRemainingT+1": "-1",
        "ExchangeRate": "1.00",
        "Leverage-S": f"{leverage:.2f}",
        "LookAheadNextChange": "0",
        "NLVAndMarginInReview": "false",
        "TradingType-S": "STKNOPT",
        "WhatIfPMEnabled": "true",
    }


def values(name: str, sums: Figures) -> list[AccountValue]:
    """Every account value in alphabetical order of tags, the way reqAccountUpdates begins."""
    rows = []
    for tag, text in text_tags(name, sums).items():
        currencies = ("BASE", BASE) if tag in {"Currency", "ExchangeRate", "AccountOrGroup"} else ("",)
        rows += [AccountValue(tag, code if tag == "Currency" else text, code, name) for code in currencies]
    for tag, amount in money_tags(sums).items():
        rows.append(AccountValue(tag, str(cents(amount)), BASE, name))
        if tag not in {"BuyingPower", "SMA", "RegTEquity", "RegTMargin", "PreviousDayEquityWithLoanValue"}:
            share = amount if tag != "Guarantee" else ZERO
            rows.append(AccountValue(f"{tag}-S", str(cents(share)), BASE, name))
    rows += ledger_rows(name, sums, ("BASE", BASE))
    return sorted(rows)


def ledger_rows(name: str, sums: Figures, currencies: tuple[str, ...]) -> list[AccountValue]:
    """The ledger of an account, once for each of `currencies`."""
    amounts = ledger_tags(sums)
    return [AccountValue(tag, str(cents(amount)), code, name) for code in currencies for tag, amount in amounts.items()]


def summary(name: str, sums: Figures, tags: list[str]) -> list[AccountValue]:
    """The asked tags of the account summary in the order asked; unknown ones are left out."""
    texts, amounts = text_tags(name, sums), money_tags(sums)
    wanted = sorted([*texts, *amounts]) if "All" in tags else tags
    rows = []
    for tag in wanted:
        if tag in amounts:
            rows.append(AccountValue(tag, str(cents(amounts[tag])), BASE, name))
        elif tag in texts:
            rows.append(AccountValue(tag, texts[tag], "", name))
        elif tag == "Leverage":
            rows.append(AccountValue(tag, texts["Leverage-S"], "", name))
    return rows


def total(all_figures: list[Figures]) -> Figures:
    """The sums of several accounts together."""
    names = [field.name for field in fields(Figures)]
    return Figures(**{name: sum((getattr(one, name) for one in all_figures), ZERO) for name in names})
