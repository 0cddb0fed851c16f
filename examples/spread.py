"""Buy one stock against another as one order, a combination (BAG), and see its legs fill: python spread.py [KEY]

Role: trade. Both legs fill or none does; the price is that of the first minus that of the second.
"""

import sys
from datetime import UTC, datetime

from ibmux import Bag, ComboLeg, IbmuxError, MarketOrder, Stock, sync


def main(key):
    with sync.connect("spread") as ib:
        long, short = ib.qualifyContracts(Stock("AAPL", "SMART", "USD"), Stock("MSFT", "SMART", "USD"))
        legs = [
            ComboLeg(conId=long.conId, ratio=1, action="BUY", exchange="SMART"),
            ComboLeg(conId=short.conId, ratio=1, action="SELL", exchange="SMART"),
        ]
        pair = Bag(symbol="AAPL,MSFT", exchange="SMART", currency="USD", comboLegs=legs)
        order = MarketOrder("BUY", 10, account=ib.managedAccounts()[0])  # several accounts: say which
        cost = ib.whatIfOrder(pair, order)
        print(f"margin {float(cost.initMarginChange):+,.0f}, commission {cost.commission or cost.maxCommission}")
        trade = ib.placeOrder(pair, order, key=key)
        trade.done(30)
        while len(trade.fills) <= len(legs) and ib.waitOnUpdate(5):
            pass  # the fills of the combination and of its legs may come after the status
        print(trade.orderStatus.status)
        for fill in trade.fills:
            print(f"{fill.execution.side} {fill.execution.shares:g} {fill.contract.symbol} {fill.contract.secType}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2] or [f"spread-{datetime.now(UTC).date()}"])
    except (IbmuxError, TimeoutError) as error:
        sys.exit(f"NOT BOUGHT: {error}")
