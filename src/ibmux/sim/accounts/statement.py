"""An account's figures, and under which of the gateway's tags they stand; the rows are made in `account_rows`.

Pure: from the books of an account and current marks to numbers that agree with each other to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import NamedTuple

from ibmux.sim.accounts.ledger import Ledger, Marker
from ibmux.sim.accounts.margin import OPTIONS, Exposure, requirements
from ibmux.sim.accounts.money import ZERO
from ibmux.sim.catalogue.contracts import ContractDetails

LEVERAGE = 4
TREASURIES = "US GOVT"
BASE = "USD"
# What each kind of instrument counts as; what is missing here counts as stock.
GROUPS = {
    "OPT": "option", "FOP": "futureOption", "FUT": "future", "CFD": "future", "CASH": "currency", "CRYPTO": "crypto",
    "BOND": "bond", "FUND": "fund",
}  # fmt: skip
VALUED = ("stock", "option", "future", "currency", "crypto", "bond", "treasury", "fund", "futureOption")


def group_of(details: ContractDetails) -> str:
    """The group of a statement that a contract belongs to."""
    if details.bond is not None and details.bond.bondType == TREASURIES:
        return "treasury"
    return GROUPS.get(details.contract.secType, "stock")


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
    crypto: Decimal = ZERO
    bond: Decimal = ZERO
    treasury: Decimal = ZERO
    fund: Decimal = ZERO
    futureOption: Decimal = ZERO

    @property
    def netLiquidation(self) -> Decimal:
        """Cash and the value of all positions."""
        securities = self.stock + self.option + self.crypto + self.bond + self.treasury + self.fund
        return self.cash + securities + self.futureOption

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


def exposures(ledger: Ledger, mark: Marker, under: Marker) -> dict[int, Exposure]:
    """The open positions of an account as margin rules see them, by conId."""
    return {
        conId: Exposure(held.details, held.position, mark(held.details), under(held.details))
        for conId, held in ledger.holdings.items()
        if held.position
    }


def figures(ledger: Ledger, mark: Marker, under: Marker) -> Figures:
    """The sums of an account; `mark` prices a contract, `under` its underlying.

    Futures, contracts for difference and currencies count as cash, at their present value less what they cost: their
    profit is settled at once.
    """
    value = dict.fromkeys(VALUED, ZERO)
    unrealized = realized = daily = gross = long_option = ZERO
    open_ = exposures(ledger, mark, under)
    for conId, held in ledger.holdings.items():
        worth = held.value(open_[conId].price) if conId in open_ else ZERO
        group = group_of(held.details)
        value[group] += worth
        unrealized += worth - held.cost
        realized += held.realized
        daily += worth - held.start + held.flow
        gross += abs(worth) if group not in {"future", "currency"} else ZERO
        long_option += max(ZERO, worth) if held.details.contract.secType in OPTIONS else ZERO
    initial, maintenance = requirements(open_.values())
    cash = ledger.cash + value["future"] + value["currency"]
    return Figures(
        cash, value["stock"], value["option"], value["future"], value["currency"], gross, initial, maintenance,
        unrealized, realized, daily, long_option, value["crypto"], value["bond"], value["treasury"],
        value["fund"], value["futureOption"],
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
        "CorporateBondValue": sums.bond,
        "Cryptocurrency": sums.crypto,
        "FundValue": sums.fund,
        "FutureOptionValue": sums.futureOption,
        "FuturesPNL": ZERO,
        "FxCashBalance": ZERO,
        "IssuerOptionValue": ZERO,
        "MoneyMarketFundValue": ZERO,
        "MutualFundValue": sums.fund,
        "NetDividend": ZERO,
        "NetLiquidationByCurrency": sums.netLiquidation,
        "OptionMarketValue": sums.option,
        "RealizedPnL": sums.realized,
        "StockMarketValue": sums.stock,
        "TBillValue": ZERO,
        "TBondValue": sums.treasury,
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


LEDGER_AND_NLV = (*ledger_tags(Figures(*[ZERO] * 12)), "AccountOrGroup", "AccruedCash", "Currency", "ExchangeRate",
                  "NetLiquidation", "RealCurrency")  # fmt: skip
"""What reqAccountUpdatesMulti answers if only the ledger and net liquidation are wanted."""


def total(all_figures: list[Figures]) -> Figures:
    """The sums of several accounts together."""
    names = [field.name for field in fields(Figures)]
    return Figures(**{name: sum((getattr(one, name) for one in all_figures), ZERO) for name in names})
