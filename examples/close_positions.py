"""Closed or raise: every stock position gets its order for the close by 15:50, or the exit code says that one has not.

Role: trade. The keys name day, account and contract: started twice, nothing is placed twice. For cron, some minutes
before the exchange's cut-off for orders on close: python close_positions.py [SYMBOL ...]
"""

import datetime as dt
import sys
from zoneinfo import ZoneInfo

from ibmux import IbmuxError, errors, sync

NEW_YORK = ZoneInfo("America/New_York")


def main(symbols):
    by = dt.datetime.combine(dt.datetime.now(NEW_YORK).date(), dt.time(15, 50), NEW_YORK)
    if by < dt.datetime.now(NEW_YORK):
        by = None  # it is later: a minute from now, and the exchange may refuse what comes too late
    with sync.connect("close-positions") as ib:
        stocks = [held for held in ib.positions() if held.contract.secType == "STK"]
        chosen = [held for held in stocks if not symbols or held.contract.symbol in symbols]
        if not chosen:
            print("nothing to close")
            return
        for trade in ib.closePositions(chosen, orderType="MOC", by=by):
            order, status = trade.order, trade.orderStatus.status
            print(f"{order.account} {trade.contract.symbol}: {order.action} {order.totalQuantity:g} MOC is {status}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except errors.NotClosed as error:
        sys.exit(f"NOT CLOSED: {error}")
    except IbmuxError as error:
        sys.exit(f"NOTHING WAS CLOSED: {error}")
