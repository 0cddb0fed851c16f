"""An account's figures as the rows that clients see: account values with their segments, the ledger, the summary.

Which rows there are, under which tags and in which currencies, follows what gateways send; the amounts come from
`statement`. Everything is traded in the securities segment (S); the commodities segment (C) is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ibmux.sim.accounts.money import ZERO, cents, exact
from ibmux.sim.accounts.statement import BASE, AccountValue, Figures, ledger_tags, money_tags, text_tags
from ibmux.sim.catalogue.markets import RATES

TOTAL = "BASE"
"""Stands for all currencies together, expressed in the account's base currency."""
NOTHING = "0.00"
WHOLE_ONLY = frozenset({"BuyingPower", "NetLiquidationUncertainty"})
SECURITIES_ONLY = frozenset({"GrossPositionValue", "PreviousDayEquityWithLoanValue", "RegTEquity", "RegTMargin", "SMA"})
FURTHER = {"IncentiveCoupons": ZERO, "NetLiquidationUncertainty": ZERO}
PER_CURRENCY = frozenset({"AccountOrGroup", "Currency", "ExchangeRate"})
FIXED = {
    "ColumnPrio-C": "2", "ColumnPrio-S": "1", "DayTradesRemainingT+2": "-1", "DayTradesRemainingT+3": "-1",
    "DayTradesRemainingT+4": "-1", "SegmentTitle-C": "US Commodities", "SegmentTitle-S": "US Securities",
}  # fmt: skip

Books = Mapping[str, Figures]
"""The figures of an account by currency, all in base currency; `BASE` holds their sum."""


def values(name: str, books: Books) -> list[AccountValue]:
    """Every account value in alphabetical order of tags, the way reqAccountUpdates begins."""
    sums = books[TOTAL]
    texts = FIXED | {tag: text for tag, text in text_tags(name, sums).items() if tag not in PER_CURRENCY}
    rows = [AccountValue(tag, text, "", name) for tag, text in texts.items()]
    for tag, amount in (money_tags(sums) | FURTHER).items():
        text = _text(amount)
        rows.append(AccountValue(tag, text, BASE, name))
        if tag not in WHOLE_ONLY:
            rows.append(AccountValue(f"{tag}-S", text, BASE, name))
        if tag not in WHOLE_ONLY | SECURITIES_ONLY:
            rows.append(AccountValue(f"{tag}-C", NOTHING, BASE, name))
    accrued = AccountValue("AccruedCash", NOTHING, BASE, name)  # the ledger of the base currency has it too
    return sorted([row for row in rows if row != accrued] + ledger_rows(name, books, books))


def _text(amount: Decimal) -> str:
    return str(cents(amount)) if amount else NOTHING


def ledger_rows(name: str, books: Books, currencies: Iterable[str]) -> list[AccountValue]:
    """The ledger of an account, once for each of `currencies` that it has, in that currency."""
    rows = []
    for code in currencies:
        if code not in books:
            continue
        rate = exact(1.0 if code == TOTAL else RATES[code])
        texts = {"AccountOrGroup": name, "Currency": code, "ExchangeRate": f"{rate:.2f}" if rate == 1 else str(rate),
                 "RealCurrency": code}  # fmt: skip
        amounts = ledger_tags(books[code]) | {"AccruedCash": ZERO}
        rows += [AccountValue(tag, text, code, name) for tag, text in texts.items()]
        rows += [AccountValue(tag, _text(amount / rate), code, name) for tag, amount in amounts.items()]
    return rows


def summary(name: str, sums: Figures, tags: list[str]) -> list[AccountValue]:
    """The asked tags of the account summary in the order asked; unknown ones are left out."""
    texts, amounts = text_tags(name, sums), money_tags(sums)
    wanted = sorted([*texts, *amounts]) if "All" in tags else tags
    rows = []
    for tag in wanted:
        if tag in amounts:
            rows.append(AccountValue(tag, _text(amounts[tag]), BASE, name))
        elif tag in texts:
            rows.append(AccountValue(tag, texts[tag], "", name))
        elif tag == "Leverage":
            rows.append(AccountValue(tag, texts["Leverage-S"], "", name))
    return rows
