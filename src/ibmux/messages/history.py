"""Historical data. Prices in the contract's currency, volumes in its units."""

from __future__ import annotations

from typing import Any

from ibmux.messages.contracts import Contract, TagValue
from ibmux.messages.methods import Request, method
from ibmux.messages.wire import Record


class BarData(Record):
    """One bar. `date` is its start: ISO 8601 on the wire, a `date` (daily bars) or aware `datetime` in the Python
    client.
    """

    date: Any = ""
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: float = 0.0
    average: float = 0.0
    barCount: int = 0


@method("reqHistoricalData", reply=list[BarData])
class ReqHistoricalData(Request):
    """Bars that end at `endDateTime` (empty: now). Never an empty list for an error: those come as `history.failed`."""

    contract: Contract
    durationStr: str
    barSizeSetting: str
    whatToShow: str
    useRTH: bool
    endDateTime: str = ""
    formatDate: int = 1
    chartOptions: list[TagValue] = []


@method("reqHeadTimeStamp", reply=str)
class ReqHeadTimeStamp(Request):
    """The time (ISO 8601, UTC) of the oldest data of this kind."""

    contract: Contract
    whatToShow: str
    useRTH: bool
    formatDate: int = 1
