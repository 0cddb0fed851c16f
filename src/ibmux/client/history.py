"""Historical data and clocks as ib_async's IB class names them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from ibmux.client.foreign import to_contract, to_tags
from ibmux.client.session import Session
from ibmux.client.times import read_bar_date, read_moment, write_ib
from ibmux.errors import RequestError
from ibmux.messages.history import BarData


class History(Session):
    """Questions about the past, and about the present time."""

    async def reqHistoricalData(  # noqa: PLR0917 - ib_async's own order
        self,
        contract: object,
        endDateTime: dt.datetime | dt.date | str | None,
        durationStr: str,
        barSizeSetting: str,
        whatToShow: str,
        useRTH: bool,
        formatDate: int = 1,
        keepUpToDate: bool = False,
        chartOptions: Sequence[Any] = (),
        timeout: float = 60,
    ) -> list[BarData]:
        """Bars that end at `endDateTime` (empty: now); `timeout` in seconds, 0 for the client's own.

        Dates of daily bars are `date`, others aware `datetime`.

        Raises:
            NoHistory: the service has no data or refuses; never an empty list instead.
        """
        if keepUpToDate:
            raise RequestError(
                "Bars that are kept up to date are not offered yet.", hint="Use reqMktData, or ask again for new bars."
            )
        bars: list[BarData] = await self._ask(
            "reqHistoricalData",
            timeout or None,
            contract=to_contract(contract),
            endDateTime=write_ib(endDateTime),
            durationStr=durationStr,
            barSizeSetting=barSizeSetting,
            whatToShow=whatToShow,
            useRTH=bool(useRTH),
            formatDate=formatDate,
            chartOptions=to_tags(chartOptions),
        )
        for bar in bars:
            bar.date = read_bar_date(bar.date)
        return bars

    async def reqHeadTimeStamp(
        self, contract: object, whatToShow: str, useRTH: bool, formatDate: int = 1
    ) -> dt.datetime:
        """The time (aware, UTC) of the oldest data of this kind."""
        return read_moment(
            await self._ask(
                "reqHeadTimeStamp",
                contract=to_contract(contract),
                whatToShow=whatToShow,
                useRTH=bool(useRTH),
                formatDate=formatDate,
            )
        )

    async def reqCurrentTime(self) -> dt.datetime:
        """The gateway's clock (aware, UTC)."""
        return read_moment(await self._ask("reqCurrentTime"))

    reqHistoricalDataAsync = reqHistoricalData
    reqHeadTimeStampAsync = reqHeadTimeStamp
    reqCurrentTimeAsync = reqCurrentTime
