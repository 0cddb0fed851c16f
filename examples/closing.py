"""Close every stock position at the close, and know that it worked: exits with 1 if an order is not acknowledged.

The key names day, account and contract: started twice, the script places nothing twice. Role: trade.
"""

import datetime as dt
import sys
from zoneinfo import ZoneInfo

from ibmux import IbmuxError, Order, sync


def close(ib, held, day):
    contract, quantity = held.contract, held.position
    contract.exchange = "SMART"
    side = "SELL" if quantity > 0 else "BUY"
    order = Order(orderType="MOC", action=side, totalQuantity=abs(quantity), account=held.account)
    return ib.placeOrder(contract, order, key=f"close-{day}-{held.account}-{contract.conId}")


def main():
    failed = 0
    day = dt.datetime.now(ZoneInfo("America/New_York")).date()
    with sync.connect("closing") as ib:
        for held in ib.positions():
            if held.contract.secType != "STK" or not held.position:
                continue
            name = f"{held.account} {held.contract.symbol} {held.position:g}"
            try:
                trade = close(ib, held, day)
            except IbmuxError as error:
                failed += 1
                print(f"NOT CLOSED: {name}: {error}", file=sys.stderr)
            else:
                print(f"{name}: {trade.order.action} MOC is {trade.orderStatus.status}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except IbmuxError as error:
        sys.exit(f"NOTHING WAS CLOSED: {error}")
