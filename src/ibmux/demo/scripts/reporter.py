"""Reporter: portfolio, profit and loss, and everybody's fills, every few seconds. Stops at Ctrl-C."""
# ruff: noqa: T201

import time
from math import isnan
from typing import Any

import ibmux.sync

PAUSE = 3.0
"""Seconds between two reports."""


def amount(value: float) -> str:
    """Money, or a dash where it is not known yet."""
    return "-" if isnan(value) else f"{value:+,.0f}"


def report(ib: Any, account: str) -> str:
    """One line about one account."""
    held = ib.portfolio(account)
    worth = sum(item.marketValue for item in held)
    pnl = ib.reqPnL(account)
    fills = [fill for fill in ib.fills(all=True) if fill.execution.acctNumber == account]
    traded = sum(fill.execution.shares for fill in fills)
    return (
        f"{account}: {len(held)} holdings worth {worth:,.0f}, day {amount(pnl.dailyPnL)}, "
        f"open {amount(pnl.unrealizedPnL)}, {len(fills)} fills ({traded:g} units)"
    )


def main() -> None:
    """Report on every account in turn."""
    with ibmux.sync.connect("reporter") as ib:
        accounts = ib.managedAccounts()
        while True:
            for account in accounts:
                print(report(ib, account))
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
